/* SPDX-License-Identifier: MIT */
/* A callback that pushes into a coroutine.
 *
 * expat calls back for each tag and each piece of text, and code in callbacks must keep by hand
 * where it is in the document. Here the callbacks do one thing: they send an event to a coroutine.
 * That one simply reads: it waits for a bus, collects its fields until the bus ends, and passes it
 * on. The buses flow through two filters to a printer, as lines do in copipe. */
#include <expat.h>
#include <hocket.h>
#include <stdio.h>
#include <string.h>

struct event {
    enum { START, TEXT, END } kind;
    const char *text; /* the name of a tag, or as many bytes of text */
    int length;
};

enum { ID, ROUTE, DIRECTION, FIELDS };
static const char *names[] = { "id", "route", "direction" };
struct bus {
    char field[FIELDS][32];
};

static int field_named(const char *name)
{
    int i = 0;
    while (i < FIELDS && strcmp(name, names[i]) != 0) i++;
    return i;
}

/* Reads the text up to the next tag. It takes its events itself: a yield works at any depth. */
static void read_field(char *field, size_t size)
{
    struct event *event;
    size_t used = 0;
    while (!hk_is_err(event = hk_yield(NULL)) && event->kind == TEXT)
        for (int i = 0; i < event->length && used + 1 < size; i++) field[used++] = event->text[i];
    field[used] = '\0';
}

/* Events in, buses out. An event is the sender's: it is gone after the next yield. */
static void *buses(void *target)
{
    struct bus bus = { 0 };
    struct event *event;
    while (!hk_is_err(event = hk_yield(NULL))) {
        int field = event->kind == START ? field_named(event->text) : FIELDS;
        if (event->kind == END && strcmp(event->text, "bus") == 0) hk_coro_send(target, &bus);
        if (field < FIELDS) read_field(bus.field[field], sizeof bus.field[field]);
    }
    return NULL;
}

struct filter {
    int field;
    const char *value;
    hk_coro *target;
};

static void *filter(void *arg)
{
    struct filter *self = arg;
    struct bus *bus;
    while (!hk_is_err(bus = hk_yield(NULL)))
        if (strcmp(bus->field[self->field], self->value) == 0) hk_coro_send(self->target, bus);
    return NULL;
}

static void *printer(void *arg)
{
    struct bus *bus;
    while (!hk_is_err(bus = hk_yield(NULL)))
        printf("bus %s of route %s: %s\n", bus->field[ID], bus->field[ROUTE],
               bus->field[DIRECTION]);
    return NULL;
}

static void XMLCALL on_start(void *target, const XML_Char *name, const XML_Char **attributes)
{
    hk_coro_send(target, &(struct event){ START, name, 0 });
}
static void XMLCALL on_end(void *target, const XML_Char *name)
{
    hk_coro_send(target, &(struct event){ END, name, 0 });
}
static void XMLCALL on_text(void *target, const XML_Char *text, int length)
{
    hk_coro_send(target, &(struct event){ TEXT, text, length });
}

static const char document[] =
    "<?xml version=\"1.0\"?>\n<buses>\n"
    "<bus><id>7574</id><route>147</route><direction>North Bound</direction></bus>\n"
    "<bus><id>7569</id><route>22</route><direction>North Bound</direction></bus>\n"
    "<bus><id>1485</id><route>22</route><direction>South Bound</direction></bus>\n"
    "<bus><id>1861</id><route>22</route><direction>North Bound</direction></bus>\n"
    "</buses>\n";

int main(void)
{
    const hk_coro_options primed = { .primed = true };
    HK_CORO(out, printer, NULL, &primed);
    HK_CORO(north, filter, &(struct filter){ DIRECTION, "North Bound", out }, &primed);
    HK_CORO(route, filter, &(struct filter){ ROUTE, "22", north }, &primed);
    HK_CORO(reader, buses, route, &primed);

    XML_Parser parser = XML_ParserCreate(NULL);
    XML_SetUserData(parser, reader);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    bool ok = true; /* in pieces of ten bytes, as from a slow network */
    for (size_t at = 0; ok && at < sizeof document - 1; at += 10) {
        size_t left = sizeof document - 1 - at;
        ok = XML_Parse(parser, document + at, left < 10 ? (int)left : 10, left <= 10);
    }
    XML_ParserFree(parser);
    return !ok;
}
