// SPDX-License-Identifier: MIT

// The servers: a goroutine a connection, and net/http. The net package turns TCP_NODELAY on, takes
// the backlog from the kernel's limit, and os raises the limit of descriptors at the start.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("a socket does not listen: %v", err)
	}
	fmt.Printf("port=%d\n", listener.Addr().(*net.TCPAddr).Port)
	return listener
}

func echoConnection(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func echo(_, _ int64) {
	listener := listen()
	for {
		conn, err := listener.Accept()
		if err != nil {
			fail("a connection is not accepted: %v", err)
		}
		go echoConnection(conn)
	}
}

func hello(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "Hello, World!")
}

func serveHTTP(_, _ int64) {
	fail("%v", http.Serve(listen(), http.HandlerFunc(hello)))
}
