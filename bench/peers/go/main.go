// SPDX-License-Identifier: MIT

// The contender Go: goroutines, channels, sync, net and net/http, nothing besides the standard
// library. This file has the command line, the clocks and what the rows share.
//
// Goroutines are preempted and may run on many processors; the coordinator pins the process to one,
// which GOMAXPROCS follows. What many goroutines do by turns is measured from when all of them are
// warm until the last is done, so what it costs to make and to end them is not in the figure.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

type row struct {
	name string
	run  func(size, count int64)
}

var rows = []row{
	{"send_yield", sendYield},
	{"yield", yield},
	{"spawn_join", spawnJoin},
	{"channel_buffered", channelBuffered},
	{"channel_handoff", channelHandoff},
	{"mutex_handoff", mutexHandoff},
	{"ring", ring},
	{"skynet", skynet},
	{"timers", timers},
	{"memory", memory},
	{"files", files},
	{"echo", echo},
	{"http", serveHTTP},
}

// fail ends the program with a sentence.
func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// A span is a time that was measured, or its begin.
type span struct{ cpu, wall int64 }

const (
	clockMonotonic  = 1
	clockProcessCPU = 2
)

// clock reads a clock of the kernel: the standard library has none for the process's time.
func clock(id uintptr) int64 {
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

func begin() span {
	return span{wall: clock(clockMonotonic), cpu: clock(clockProcessCPU)}
}

func (s span) end() span {
	return span{cpu: clock(clockProcessCPU) - s.cpu, wall: clock(clockMonotonic) - s.wall}
}

func (s span) report(count int64, check uint64) {
	fmt.Printf("cpu_ns=%d wall_ns=%d count=%d check=%d\n", s.cpu, s.wall, count, check)
}

// A share is how often each of many goroutines does something: to warm up, while the clock runs.
type share struct {
	size, warm, each int64
	entered, done    int64
	took             span
}

func plan(size, count int64) *share {
	s := &share{size: size, each: count / size}
	if s.each < 1 {
		s.each = 1
	}
	s.warm = s.each / 10
	if s.warm < 1 {
		s.warm = 1
	}
	return s
}

// enter says that one goroutine is warm; the last one starts the clock.
func (s *share) enter() {
	if atomic.AddInt64(&s.entered, 1) == s.size {
		s.took = begin()
	}
}

// leave says that one goroutine did it n times; the last one stops the clock.
func (s *share) leave(n int64) {
	if atomic.AddInt64(&s.done, n) == s.size*s.each {
		s.took = s.took.end()
	}
}

// tick says that the goroutines did it so many times: a lock is not taken by turns.
func (s *share) tick(times int64) {
	switch times {
	case s.size * s.warm:
		s.took = begin()
	case s.size * (s.warm + s.each):
		s.took = s.took.end()
	}
}

func (s *share) report() {
	s.took.report(s.size*s.each, uint64(s.done))
}

// memoryUsed returns the bytes that this process has, and its page tables.
func memoryUsed() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail("%v", err)
	}
	var sum int64
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) > 1 && (words[0] == "VmRSS:" || words[0] == "VmPTE:") {
			kib, _ := strconv.ParseInt(words[1], 10, 64)
			sum += kib * 1024
		}
	}
	return sum
}

func printLateness(late []int64) {
	sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
	n := len(late)
	fmt.Printf("late_p50_ns=%d late_p99_ns=%d ", late[n/2], late[n-1-n/100])
}

func number(text string, least int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least {
		fail("%s is no number to use", text)
	}
	return n
}

func main() {
	args := os.Args[1:]
	if len(args) == 1 && args[0] == "--rows" {
		for _, r := range rows {
			fmt.Println(r.name)
		}
		return
	}
	if len(args) != 1 && len(args) != 3 {
		fail("usage: %s --rows | ROW SIZE COUNT | SERVER", os.Args[0])
	}
	for _, r := range rows {
		if r.name != args[0] {
			continue
		}
		var size, count int64
		if len(args) == 3 {
			size, count = number(args[1], 0), number(args[2], 1)
		}
		r.run(size, count)
		return
	}
	fail("there is no row %s", args[0])
}
