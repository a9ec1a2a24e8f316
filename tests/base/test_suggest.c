/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/suggest.h"
#include "tests/test_support.h"

/* The hint for `seen` among a few words. */
static void hint_for(const char *seen, char *out, size_t out_size)
{
    static const char *const words[] = {"path", "paths", "to", "threads",
                                        "a-word-of-more-than-forty-letters-for-once"};
    onp_suggestion s = {.seen = seen};
    for (size_t i = 0; i < ONP_COUNT(words); i++)
        onp_suggest_consider(&s, words[i]);
    onp_suggest_write(&s, "--", out, out_size);
}

static void nearest_word_is_meant(void **state)
{
    (void)state;
    static const struct {
        const char *seen, *hint;
    } rows[] = {
        {"pth", " (did you mean \"--path\"?)"},        /* a letter less */
        {"ppaths", " (did you mean \"--paths\"?)"},    /* a letter more */
        {"thraeds", " (did you mean \"--threads\"?)"}, /* two that differ */
        {"t", " (did you mean \"--to\"?)"},
        {"xx", ""}, /* two edits make any word of two letters */
        {"thread-count", ""},
        {"", ""},
        {"a-word-of-more-than-forty-letters-for-oncc", ""},
    };
    char hint[64];
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        hint_for(rows[i].seen, hint, sizeof hint);
        assert_string_equal(hint, rows[i].hint);
    }
}

static void hint_is_cut_to_its_room(void **state)
{
    (void)state;
    char hint[8];
    hint_for("pth", hint, sizeof hint);
    assert_string_equal(hint, " (did y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_word_is_meant),
        cmocka_unit_test(hint_is_cut_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
