// SPDX-License-Identifier: MIT

// The rows that do work: what they measure is told in docs/performance.md.
//
// Go has no macros; a function with a type parameter is compiled once for each size of it, which
// makes the eight copies of a body where a row wants eight call sites.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type (
	site0 = [1]byte
	site1 = [2]byte
	site2 = [3]byte
	site3 = [4]byte
	site4 = [5]byte
	site5 = [6]byte
	site6 = [7]byte
	site7 = [8]byte
)

// ---- coroutines ----

// A pair is what Go 1.19 has for a coroutine: a goroutine and a channel each way.
type pair struct{ ask, answer chan uint64 }

func generator[T any](p pair) {
	for v := range p.ask {
		p.answer <- v + 1
	}
}

// One call site of the driver.
func send[T any](p pair, v uint64) uint64 {
	p.ask <- v
	return <-p.answer
}

func drive(p []pair, count uint64) (sum uint64) {
	for i := uint64(0); i < count; i += 8 {
		g := p[i%uint64(len(p)):]
		sum += send[site0](g[0], i)
		sum += send[site1](g[1], i+1)
		sum += send[site2](g[2], i+2)
		sum += send[site3](g[3], i+3)
		sum += send[site4](g[4], i+4)
		sum += send[site5](g[5], i+5)
		sum += send[site6](g[6], i+6)
		sum += send[site7](g[7], i+7)
	}
	return sum
}

func sendYield(size, count int64) {
	bodies := [8]func(pair){generator[site0], generator[site1], generator[site2], generator[site3],
		generator[site4], generator[site5], generator[site6], generator[site7]}
	pairs := make([]pair, (size+7)/8*8)
	for i := range pairs {
		pairs[i] = pair{make(chan uint64), make(chan uint64)}
		go bodies[i%8](pairs[i])
	}
	count = (count + 7) / 8 * 8
	drive(pairs, uint64(count/10))
	start := begin()
	sum := drive(pairs, uint64(count))
	start.end().report(count, sum)
}

// ---- goroutines ----

func yielder[T any](s *share, gate <-chan struct{}) {
	<-gate
	for i := int64(0); i < s.warm; i++ {
		runtime.Gosched()
	}
	s.enter()
	done := int64(0)
	for ; done < s.each; done++ {
		runtime.Gosched()
	}
	s.leave(done)
}

// together runs so many goroutines, which begin when the gate opens, and waits for them.
func together(size int64, task func(i int64, gate <-chan struct{})) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	all.Add(int(size))
	for i := int64(0); i < size; i++ {
		go func(i int64) {
			task(i, gate)
			all.Done()
		}(i)
	}
	close(gate)
	all.Wait()
}

func yield(size, count int64) {
	bodies := [8]func(*share, <-chan struct{}){yielder[site0], yielder[site1], yielder[site2],
		yielder[site3], yielder[site4], yielder[site5], yielder[site6], yielder[site7]}
	s := plan(size, count)
	together(size, func(i int64, gate <-chan struct{}) { bodies[i%8](s, gate) })
	s.report()
}

func batches(size, count int64) int64 {
	var sum int64
	for ; count > 0; count-- {
		var all sync.WaitGroup
		all.Add(int(size))
		for i := int64(0); i < size; i++ {
			go func(i int64) {
				atomic.AddInt64(&sum, i)
				all.Done()
			}(i)
		}
		all.Wait()
	}
	return sum
}

func spawnJoin(size, count int64) {
	n := (count + size - 1) / size
	batches(size, n/10+1)
	start := begin()
	sum := batches(size, n)
	start.end().report(n*size, uint64(sum))
}

func mutexHandoff(size, count int64) {
	var lock sync.Mutex
	counter := int64(0)
	s := plan(size, count)
	together(size, func(_ int64, gate <-chan struct{}) {
		<-gate
		for i := int64(0); i < s.warm+s.each; i++ {
			lock.Lock()
			runtime.Gosched()
			counter++
			s.tick(counter)
			lock.Unlock()
		}
	})
	s.took.report(s.size*s.each, uint64(counter-s.size*s.warm))
}

// ---- channels ----

func produce(items chan<- int64, count int64) {
	for i := int64(0); i < count; i++ {
		items <- i
	}
	close(items)
}

func consume(items <-chan int64, sum *int64, done chan<- struct{}) {
	for i := range items {
		*sum += i
	}
	close(done)
}

func transfer(capacity, count int64) (sum int64) {
	items := make(chan int64, capacity)
	done := make(chan struct{})
	go consume(items, &sum, done)
	go produce(items, count)
	<-done
	return sum
}

func channelBuffered(size, count int64) {
	transfer(size, count/10+1)
	start := begin()
	sum := transfer(size, count)
	start.end().report(count, uint64(sum))
}

func pingPong(capacity, count int64) (last int64) {
	ping, pong := make(chan int64, capacity), make(chan int64, capacity)
	go func() {
		for n := range ping {
			pong <- n + 1
		}
	}()
	for n := int64(0); n < count; n += 2 {
		ping <- n
		last = <-pong
	}
	close(ping)
	return last
}

func channelHandoff(size, count int64) {
	count = (count + 1) / 2 * 2
	pingPong(size, count/10+2)
	start := begin()
	last := pingPong(size, count)
	start.end().report(count, uint64(last))
}

// A member of the ring takes the token as often as it is its turn.
func member(from <-chan int64, to chan<- int64, s *share) (token int64) {
	for i := int64(0); i < s.warm+s.each; i++ {
		token = 1 + <-from
		s.tick(token)
		to <- token
	}
	return token
}

func ring(size, count int64) {
	s := plan(size, count)
	first := make(chan int64, 1)
	from := first
	for i := int64(1); i < size; i++ {
		to := make(chan int64, 1)
		go member(from, to, s)
		from = to
	}
	first <- 0
	token := member(from, first, s)
	s.took.report(s.size*s.each, uint64(token-s.size*s.warm))
}

// ---- many ----

func subtree(first, size int64, answer chan<- int64) {
	if size == 1 {
		answer <- first
		return
	}
	answers := make(chan int64, 10)
	for i := int64(0); i < 10; i++ {
		go subtree(first+i*size/10, size/10, answers)
	}
	sum := int64(0)
	for i := 0; i < 10; i++ {
		sum += <-answers
	}
	answer <- sum
}

func skynet(size, _ int64) {
	tasks, leaves := int64(1), int64(1)
	for leaves < size {
		leaves *= 10
		tasks += leaves
	}
	if leaves != size {
		fail("skynet wants a power of ten")
	}
	answer := make(chan int64, 1)
	start := begin()
	go subtree(0, size, answer)
	sum := <-answer
	start.end().report(tasks, uint64(sum))
}

func timers(size, _ int64) {
	var all sync.WaitGroup
	late := make([]int64, size)
	asked := int64(0)
	all.Add(int(size))
	start := begin()
	for i := int64(0); i < size; i++ {
		ms := 1 + i*7919%1000
		asked += ms
		go func(i int64) {
			slept := time.Now()
			time.Sleep(time.Duration(ms) * time.Millisecond)
			late[i] = int64(time.Since(slept)) - ms*1000000
			all.Done()
		}(i)
	}
	all.Wait()
	took := start.end()
	printLateness(late)
	took.report(size, uint64(asked))
}

func memory(size, _ int64) {
	var started sync.WaitGroup
	never := make(chan struct{})
	started.Add(int(size))
	before := memoryUsed()
	for i := int64(0); i < size; i++ {
		go func() {
			started.Done()
			<-never
		}()
	}
	started.Wait()
	fmt.Printf("bytes=%d check=%d\n", (memoryUsed()-before)/size, size)
}

func files(size, _ int64) {
	folder, ok := os.LookupEnv("PEERS_FILES")
	if !ok {
		fail("PEERS_FILES does not name the folder with the files")
	}
	paths := make([]string, 100)
	for i := range paths {
		paths[i] = folder + "/" + strconv.Itoa(i)
	}
	var all sync.WaitGroup
	var sum uint64
	all.Add(int(size))
	start := begin()
	for i := int64(0); i < size; i++ {
		go func(path string) {
			bytes, err := os.ReadFile(path)
			if err != nil || len(bytes) != 4096 {
				fail("%s cannot be read as a file of 4096 bytes: %v", path, err)
			}
			atomic.AddUint64(&sum, binary.LittleEndian.Uint64(bytes))
			all.Done()
		}(paths[i%100])
	}
	all.Wait()
	start.end().report(size, sum)
}
