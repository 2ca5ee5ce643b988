/* SPDX-License-Identifier: MIT */
/* Context variables: values that a block gives to all that happens in it: to what it calls, and to
 * the tasks it makes, which inherit a copy.
 *
 *     static const hk_variable request_id = { "request id" };
 *
 *     HK_WITH(id, &request_id, text);           -- to the end of this block
 *     ... (const char *)hk_variable_get(&request_id) ...
 *
 * A value is a pointer: what it points to must live as long as the tasks that can see it, which is
 * given where those are in a group of the block. A binding is a scope (scope.h): the last one made
 * ends first, a generator cannot yield in one of its own. */
#ifndef HOCKET_VARIABLE_H
#define HOCKET_VARIABLE_H

#include <hocket/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Its address is what it is known by. */
typedef struct hk_variable {
    const char *name;
} hk_variable;

/* One value. Private. */
typedef struct hk__bound {
    const hk_variable *variable;
    void *value;
    struct hk__bound *next; /* outwards */
    struct hk__bound *copy; /* for tasks that inherit it, where it lies in a block */
    uint32_t holders;       /* of a copy; 0: it lies in a block */
} hk__bound;

/* Lies in its block. Private. */
typedef struct hk_binding {
    hk_scope scope;
    hk__bound bound;
} hk_binding;

HK_API void hk__binding_open(hk_binding *b, const hk_variable *variable, void *value,
                             const char *file, int line);

/* Gives a variable a value, until the binding is left.
 *   b: the binding.
 *   variable: what.
 *   value: a pointer; NULL hides the value outside.
 * Returns: nothing; cannot fail. Blocks: never. Cancel: not refused. Threads: any. */
#define hk_binding_open(b, variable, value) \
    hk__binding_open((b), (variable), (value), __FILE__, __LINE__)

/* Ends a binding that is open.
 *   b: opened here, the last scope that is open; anything else aborts with a sentence.
 * Returns: nothing. Blocks: never. Cancel: not refused. Threads: its own. */
HK_API void hk_binding_leave(hk_binding *b);

/* The value of a variable here: of the innermost binding, else what this task inherited.
 *   variable: what.
 * Returns: the value; NULL: there is none. Blocks: never. Cancel: not refused. Threads: any. */
HK_API void *hk_variable_get(const hk_variable *variable);

/* HK_WITH(id, &request_id, text): a binding to the end of its block. */
#define HK_WITH(name, variable, value) \
    hk_binding name HK_ON_LEAVE(hk_binding_leave); \
    hk_binding_open(&name, (variable), (value))

#ifdef __cplusplus
}
#endif
#endif
