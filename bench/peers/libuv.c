/* SPDX-License-Identifier: MIT */
/* libuv: callbacks, so it has only the rows in which nobody needs a stack: timers, files, servers.
 *
 * The servers try to write at once (uv_try_write, as the manual advises) and leave to the loop only
 * what the socket does not take. Files go through the asynchronous uv_fs_ calls, that is through
 * libuv's pool of four threads. */
#include "peer.h"

#include <uv.h>

static uv_loop_t *loop;

static void must(int result, const char *what)
{
    if (result < 0) peer_fail("%s: %s", what, uv_strerror(result));
}

/* ---- timers ---- */

struct sleeper {
    uv_timer_t timer;
    int64_t start_ns;
    long ms;
};

static void wake(uv_timer_t *timer)
{
    struct sleeper *s = (struct sleeper *)timer;
    peer_woke(s->start_ns, s->ms);
}

static void timers(long size, long count)
{
    (void)count;
    uint64_t asked = 0;
    struct sleeper *sleepers = peer_alloc((size_t)size, sizeof *sleepers);
    peer_late_prepare(size);
    peer_begin();
    for (long i = 0; i < size; i++) {
        struct sleeper *s = &sleepers[i];
        s->ms = peer_sleep_ms(i);
        s->start_ns = peer_now();
        asked += (uint64_t)s->ms;
        if (i % 1000 == 0) uv_update_time(loop); /* a timer counts from the loop's time */
        uv_timer_init(loop, &s->timer);
        uv_timer_start(&s->timer, wake, (uint64_t)s->ms, 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    peer_end();
    peer_report_timers(asked);
}

/* ---- files ---- */

struct reader {
    uv_fs_t request;
    uv_file file;
    char bytes[PEER_FILE_SIZE];
};

static uint64_t sum;

static void on_close(uv_fs_t *request)
{
    must((int)request->result, "close");
    uv_fs_req_cleanup(request);
}

static void on_read(uv_fs_t *request)
{
    struct reader *r = (struct reader *)request;
    must((int)request->result, "read");
    if (request->result != PEER_FILE_SIZE) peer_fail("a file is short");
    uv_fs_req_cleanup(request);
    sum += peer_file_value(r->bytes);
    must(uv_fs_close(loop, request, r->file, on_close), "uv_fs_close");
}

static void on_open(uv_fs_t *request)
{
    struct reader *r = (struct reader *)request;
    must((int)request->result, request->path);
    r->file = (uv_file)request->result;
    uv_fs_req_cleanup(request);
    uv_buf_t buffer = uv_buf_init(r->bytes, sizeof r->bytes);
    must(uv_fs_read(loop, request, r->file, &buffer, 1, 0, on_read), "uv_fs_read");
}

static void files(long size, long count)
{
    (void)count;
    struct reader *readers = peer_alloc((size_t)size, sizeof *readers);
    peer_begin();
    for (long i = 0; i < size; i++)
        must(uv_fs_open(loop, &readers[i].request, peer_path(i), O_RDONLY, 0, on_open),
             "uv_fs_open");
    uv_run(loop, UV_RUN_DEFAULT);
    peer_end();
    peer_report(size, sum);
}

/* ---- servers ---- */

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    size_t used; /* bytes of a request that has not come wholly */
    char buffer[PEER_BUFFER];
};

static uv_read_cb answer;

static void on_closed(uv_handle_t *handle) { free(handle); }

static void hang_up(struct connection *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct connection *c = (struct connection *)handle;
    *ret = uv_buf_init(c->buffer + c->used, (unsigned)(sizeof c->buffer - c->used));
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *c = (struct connection *)write->handle;
    if (status < 0 || uv_read_start(write->handle, give_buffer, answer) < 0) hang_up(c);
}

/* Sends bytes that stay where they are; reads no more until all of them are sent. */
static void send_all(struct connection *c, const char *bytes, size_t length)
{
    uv_stream_t *stream = (uv_stream_t *)&c->tcp;
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)length);
    int n = uv_try_write(stream, &buffer, 1);
    if (n == (int)length) return;
    if (n < 0 && n != UV_EAGAIN) {
        hang_up(c);
        return;
    }
    if (n > 0) buffer = uv_buf_init(buffer.base + n, buffer.len - (unsigned)n);
    uv_read_stop(stream);
    if (uv_write(&c->write, stream, &buffer, 1, on_written) < 0) hang_up(c);
}

static void answer_echo(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct connection *c = (struct connection *)stream;
    if (n > 0)
        send_all(c, buffer->base, (size_t)n);
    else if (n < 0)
        hang_up(c);
}

static void answer_http(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    (void)buffer;
    struct connection *c = (struct connection *)stream;
    size_t length;
    if (n < 0) {
        hang_up(c); /* also where a request fills the buffer: then n is UV_ENOBUFS */
        return;
    }
    c->used += (size_t)n;
    const char *text = peer_http_answer(c->buffer, c->used, &length);
    if (!text) return;
    c->used = 0;
    send_all(c, text, length);
}

static void on_connection(uv_stream_t *listener, int status)
{
    must(status, "accept");
    struct connection *c = peer_alloc(1, sizeof *c);
    must(uv_tcp_init(loop, &c->tcp), "uv_tcp_init");
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0 || uv_tcp_nodelay(&c->tcp, 1) < 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, give_buffer, answer) < 0)
        hang_up(c);
}

static void serve(uv_read_cb how)
{
    static uv_tcp_t listener;
    answer = how;
    must(uv_tcp_init(loop, &listener), "uv_tcp_init");
    must(uv_tcp_open(&listener, peer_listen()), "uv_tcp_open");
    must(uv_listen((uv_stream_t *)&listener, PEER_BACKLOG, on_connection), "uv_listen");
    uv_run(loop, UV_RUN_DEFAULT);
}

static void echo(long size, long count)
{
    (void)size, (void)count;
    serve(answer_echo);
}

static void http(long size, long count)
{
    (void)size, (void)count;
    serve(answer_http);
}

int main(int argc, char **argv)
{
    static const struct peer_row rows[] = {
        { "timers", timers }, { "files", files }, { "echo", echo },
        { "http", http },     { NULL, NULL },
    };
    loop = uv_default_loop();
    return peer_main(argc, argv, rows);
}
