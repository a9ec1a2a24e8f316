/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/advice.h"

#include <stddef.h>
#include <string.h>

/* Looked through in this order. The texts on the left are those of OpenSSH 9, adb 29 to 35, dash,
 * mksh (Android) and Linux. */
static const struct {
    const char *said, *advice;
} table[] = {
    {"ssh: cannot be started", "install the ssh client (openssh-client)"},
    {"adb: cannot be started", "install adb"},
    {"Host key verification failed",
     "connect once by hand with ssh and check the key that it shows"},
    {"Permission denied (", "ssh must get in without a password: ssh-copy-id sets that up"},
    {"Too many authentication failures",
     "name the key in ~/.ssh/config: IdentityFile, IdentitiesOnly"},
    {"Could not resolve hostname", "is the name right?"},
    {"Connection refused", "does an ssh server run there, on that port?"},
    {"No route to host", "is the device on and in this network?"},
    {"timed out", "is the device on and in this network?"},
    {"no devices/emulators found", "connect the phone by USB and switch USB debugging on"},
    {"unauthorized", "unlock the phone and allow USB debugging for this computer"},
    {"still authorizing", "unlock the phone and allow USB debugging for this computer"},
    {"device offline", "plug it in again, or run: adb reconnect offline"},
    {"more than one device", "name one, adb:SERIAL; `adb devices` lists them"},
    {"no permissions", "Linux does not let you use it: see docs/your-device.md"},
    {"insufficient permissions", "Linux does not let you use it: see docs/your-device.md"},
    {"' not found", "`adb devices` lists the serials"},
    {"No space left on device", "make room on the device"},
    {"Exec format error", "that is a program for another processor"},
    {"not executable: ", "that is a program for another processor"},
    {"error while loading shared libraries", "the agent must be linked statically"},
    {"ended with exit code 132", "the processor lacks an instruction: try --kernels generic"},
    {"was ended by signal 4", "the processor lacks an instruction: try --kernels generic"},
    {"ended with exit code 137", "killed, perhaps for lack of memory"},
    {"ended with exit code 127", "that program is not there"},
    {"closed by remote host", "the connection broke; the same command goes on where it was"},
    {"Broken pipe", "the connection broke; the same command goes on where it was"},
    {"Connection reset", "the connection broke; the same command goes on where it was"},
    {"not responding", "the connection broke; the same command goes on where it was"},
    {"Permission denied", "the device does not let it run"},
};

const char *onp_advice(const char *text)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strstr(text, table[i].said) != NULL)
            return table[i].advice;
    return NULL;
}
