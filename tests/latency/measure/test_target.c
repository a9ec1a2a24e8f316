/* SPDX-License-Identifier: Apache-2.0 */
/* What names a target, command lines split into words, and words quoted for real shells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latency/measure/target.h"
#include "latency/measure/words.h"
#include "tests/test_support.h"

static onp_context ctx;

static int setup(void **state)
{
    (void)state;
    onp_context_init(&ctx);
    return 0;
}

/* ---- targets ---- */

static void targets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        onp_target_kind kind;
        const char *words;
    } rows[] = {
        {"local", ONP_TARGET_LOCAL, ""},
        {"ssh:board", ONP_TARGET_SSH, "board"},
        {"ssh:pi@10.0.0.7", ONP_TARGET_SSH, "pi@10.0.0.7"},
        {"ssh://pi@[fe80::1]:2222", ONP_TARGET_SSH, "ssh://pi@[fe80::1]:2222"},
        {"adb", ONP_TARGET_ADB, ""},
        {"adb:R58M12ABCDE", ONP_TARGET_ADB, "R58M12ABCDE"},
        {"adb:192.168.1.5:5555", ONP_TARGET_ADB, "192.168.1.5:5555"},
        {"exec:runner", ONP_TARGET_EXEC, "runner"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_target t;
        assert_true(onp_target_is_one(rows[i].text));
        assert_int_equal(onp_target_parse(rows[i].text, &t, NULL), ONP_OK);
        assert_int_equal(t.kind, rows[i].kind);
        assert_string_equal(t.words, rows[i].words);
        assert_string_equal(t.text, rows[i].text);
    }
    assert_false(onp_target_is_one("this-machine"));
    assert_false(onp_target_is_one("adb2"));
    assert_false(onp_target_is_one("localhost"));
}

static void no_targets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"mars", "\"mars\": is not known, wanted local, ssh:HOST"},
        {"", "is not known"},
        {"ssh", "is not known"},
        {"ssh:", "the host is missing"},
        {"adb:", "the serial is missing"},
        {"ssh:-oProxyCommand=reboot", "a host cannot begin with \"-\""},
        {"ssh://-oProxyCommand=reboot", "a host cannot begin with \"-\""},
        {"ssh:-l@board", "cannot begin"},
        {"adb:-d", "a serial cannot begin with \"-\""},
        {"ssh:a b", "no blanks"},
        {"ssh:a\nb", "no control characters"},
        {"ssh:a\x1b[2J", "no control characters"},
        {"adb:a\tb", "no control characters"},
        {"exec:", "the command is empty"},
        {"exec:  ", "the command is empty"},
        {"exec:''", "the name of the program is empty"},
        {"exec:a 'b", "' is not closed"},
        {"exec:a\nb", "has control characters"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_target t = {.n_words = 7};
        onp_error err = {0};
        assert_int_equal(onp_target_parse(rows[i].text, &t, &err), ONP_E_USAGE);
        onp_assert_contains(err.msg, rows[i].part);
        assert_int_equal(t.n_words, 7);
    }
    onp_target t;
    onp_error err = {0};
    char text[2000] = "ssh:";
    memset(text + 4, 'a', 400);
    assert_int_equal(onp_target_parse(text, &t, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "a host of 400 bytes");
    memset(text + 4, 'a', sizeof text - 5);
    assert_int_equal(onp_target_parse(text, &t, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "wanted less than 1024");
    memcpy(text, "exec:", 5);
    for (size_t i = 5; i < 305; i++)
        text[i] = i % 2 == 0 ? ' ' : 'a';
    text[305] = '\0';
    assert_int_equal(onp_target_parse(text, &t, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "150 words, wanted at most 64");
}

/* What it cannot be told is not ignored. */
static void commands_choose_their_cores(void **state)
{
    (void)state;
    onp_target t;
    onp_runner *r = NULL;
    onp_error err = {0};
    assert_int_equal(onp_target_parse("exec:cat", &t, NULL), ONP_OK);
    assert_int_equal(
        onp_runner_open_target(&ctx, &t, &(onp_target_options){.cluster = "4-7"}, &r, &err),
        ONP_E_USAGE);
    onp_assert_contains(err.msg, "exec:cat: a command is not told of cluster \"4-7\"");
}

/* ---- words ---- */

static void splits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *words; /* each followed by a bar */
    } rows[] = {
        {"node runner.js", 2, "node|runner.js|"},
        {"  a   b  ", 2, "a|b|"},
        {"'a b'\"c d\"e f", 2, "a bc de|f|"},
        {"a '' \"\"", 3, "a|||"},
        {"a\\ b \\'c", 2, "a b|'c|"},
        {"\"a\\\"b\\\\c\\d\" 'e\\f'", 2, "a\"b\\c\\d|e\\f|"},
        {"$HOME `id` *;& >x", 4, "$HOME|`id`|*;&|>x|"},
        {"caf\xc3\xa9", 1, "caf\xc3\xa9|"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        char words[64], joined[64];
        size_t n = 0, used = 0;
        assert_int_equal(onp_words_split(rows[i].text, words, sizeof words, &n, NULL), ONP_OK);
        assert_int_equal(n, rows[i].n);
        const char *word = words;
        for (size_t k = 0; k < n; k++, word = onp_words_next(word))
            used += (size_t)snprintf(joined + used, sizeof joined - used, "%s|", word);
        assert_string_equal(joined, rows[i].words);
    }
    char words[8];
    size_t n = 0;
    onp_error err = {0};
    assert_int_equal(onp_words_split("1234567", words, sizeof words, &n, &err), ONP_OK);
    assert_int_equal(onp_words_split("12345678", words, sizeof words, &n, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "wanted less than 8 bytes");
    assert_int_equal(onp_words_split("123 567 ", words, sizeof words, &n, &err), ONP_OK);
    assert_int_equal(onp_words_split("a\\", words, sizeof words, &n, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "ends in a backslash");
    assert_int_equal(onp_words_split("a \"b", words, sizeof words, &n, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "\" is not closed");
}

static void shell_agrees(const char *shell, const char *word)
{
    onp_strbuf command;
    onp_strbuf_init(&command, &ctx);
    onp_strbuf_adds(&command, "printf %s ");
    onp_words_quote(&command, word);
    assert_int_equal(onp_strbuf_status(&command, NULL), ONP_OK);
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH], line[4096], said[256] = "";
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "line");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "%s\n", command.text);
    (void)fclose(f);
    /* as sshd does it: SHELL -c LINE */
    (void)snprintf(line, sizeof line, "%s -c \"$(cat '%s')\"", shell, path);
    f = popen(line, "r"); /* NOLINT(cert-env33-c): what is tested is what a shell makes of it */
    assert_non_null(f);
    said[fread(said, 1, sizeof said - 1, f)] = '\0';
    assert_int_equal(pclose(f), 0);
    assert_string_equal(said, word);
    onp_test_dir_remove(dir);
    onp_strbuf_reset(&command);
}

/* Whatever a name holds, each shell hands the program the same bytes. */
static void quotes(void **state)
{
    (void)state;
    static const char *const shells[] = {"sh", "bash", "zsh", "fish"};
    static const char *const words[] = {
        "",
        "plain-1.2_3:4@5,6+7/8",
        "it's",
        "a b",
        "$HOME `id` $(id)",
        "a\\b\\",
        "!history!",
        "'\"'",
        "~",
        "*?[a]{b,c}",
        "a;b&c|d",
        "<>()#",
        "=ls",
        "%1^x",
        "caf\xc3\xa9 \\' !\\\\",
    };
    for (size_t i = 0; i < ONP_COUNT(shells); i++) {
        char find[64];
        (void)snprintf(find, sizeof find, "command -v %s >/dev/null", shells[i]);
        if (system(find) != 0) { /* NOLINT(cert-env33-c): a fixed text */
            (void)printf("SKIPPED: %s is not installed\n", shells[i]);
            continue;
        }
        for (size_t k = 0; k < ONP_COUNT(words); k++)
            shell_agrees(shells[i], words[k]);
    }
}

static void harmless_words_stay(void **state)
{
    (void)state;
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    onp_words_quote(&s, "/data/local/tmp/onepath/agent-1.2");
    onp_strbuf_adds(&s, " ");
    onp_words_quote(&s, "it's a");
    assert_string_equal(s.text, "/data/local/tmp/onepath/agent-1.2 it\\''s a'");
    onp_strbuf_reset(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_choose_their_cores),
        cmocka_unit_test(targets),
        cmocka_unit_test(no_targets),
        cmocka_unit_test(splits),
        cmocka_unit_test(quotes),
        cmocka_unit_test(harmless_words_stay),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
