/* SPDX-License-Identifier: MIT */
/* Context variables.
 *
 * A binding is a scope, so those of a strand are found among its scopes; they are a list too, the
 * innermost first. Those that a task has inherited are at its end: copies on the heap, which never
 * change, so all tasks made in one place share them, and count who holds them. A binding is copied
 * when the first task inherits it, and not again. */
#include "sched/sched.h"

#include "coro/stack.h"

#include <stdlib.h>

bool hk__values_used;

void hk__binding_open(hk_binding *b, const hk_variable *variable, void *value, const char *file,
                      int line)
{
    __atomic_store_n(&hk__values_used, true, __ATOMIC_RELAXED);
    b->scope.is = HK__IS_BINDING;
    hk__scope_begin(&b->scope, HK_FOREVER, file, line);
    hk__bound *outer = hk__values_around(b->scope.strand, b->scope.outer);
    b->bound = (hk__bound){ .variable = variable, .value = value, .next = outer };
}

void hk_binding_leave(hk_binding *b)
{
    if (b->scope.owner == NULL) return;
    hk__scope_check(&b->scope, "hk_binding_leave");
    hk__scope_end(&b->scope);
}

void hk__binding_end(hk_scope *scope)
{
    hk__values_release(HK_CONTAINER(scope, hk_binding, scope)->bound.copy);
}

void *hk_variable_get(const hk_variable *variable)
{
    const hk_coro *me = hk__thread_enter();
    const hk_coro *strand = hk__strand_of(me);
    const hk__bound *b = hk__values_around(strand, strand->scope);
    for (; b != NULL; b = b->next)
        if (b->variable == variable) return b->value;
    return NULL;
}

/* ---- inheriting ---- */

/* The same as a copy; one more holds it. NULL without memory. */
static hk__bound *copy_of(hk__bound *b)
{
    hk__bound *copy = b->holders > 0 ? b : b->copy;
    if (copy == NULL) {
        copy = malloc(sizeof *copy);
        hk__bound *next = NULL;
        if (copy == NULL || (b->next != NULL && (next = copy_of(b->next)) == NULL)) {
            free(copy);
            return NULL;
        }
        *copy = (hk__bound){ b->variable, b->value, next, NULL, 1 };
        b->copy = copy;
    }
    copy->holders++;
    return copy;
}

int hk__values_inherit(hk__bound *values, hk_coro *child)
{
    struct hk__seldom *it = hk__seldom_make(child);
    if (it == NULL) return -ENOMEM;
    it->values = copy_of(values);
    return it->values != NULL ? 0 : -ENOMEM;
}

void hk__values_release(hk__bound *copy)
{
    while (copy != NULL && --copy->holders == 0) {
        hk__bound *next = copy->next;
        free(copy);
        copy = next;
    }
}
