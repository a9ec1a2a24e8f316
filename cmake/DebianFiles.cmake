# SPDX-License-Identifier: Apache-2.0
# Run by CPack on the staged trees: what Debian wants of a package beside its files.
set(stage ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
file(GLOB_RECURSE manuals ${stage}/onepath/usr/share/man/*.1)
set(doc ${stage}/onepath/usr/share/doc/onepath)
file(REMOVE ${doc}/LICENSE) # /usr/share/common-licenses has it
file(WRITE ${doc}/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: onepath

Files: *
Copyright: the onepath authors
License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in /usr/share/common-licenses/Apache-2.0.

Files: Chart.js, which is compiled into the program and the library for the reports that they write
Copyright: 2014-2022, Chart.js Contributors
License: Expat
 Permission is hereby granted, free of charge, to any person
 obtaining a copy of this software and associated documentation files
 (the \"Software\"), to deal in the Software without restriction,
 including without limitation the rights to use, copy, modify, merge,
 publish, distribute, sublicense, and/or sell copies of the Software,
 and to permit persons to whom the Software is furnished to do so,
 subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be
 included in all copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND,
 EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
 MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
 NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS
 BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN
 ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
 CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 SOFTWARE.
")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH where it is set
file(WRITE ${doc}/changelog
"onepath (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Release ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
execute_process(COMMAND gzip -9nf ${manuals} ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)

# The agents hold what they are linked with.
if(EXISTS ${stage}/agents)
  set(agents ${stage}/agents/usr/share/doc/onepath-agents)
  file(READ ${doc}/copyright text)
  file(WRITE ${agents}/copyright "${text}
Files: usr/libexec/onepath/*
Copyright: the onepath authors, and those of the GNU C Library, libgomp, Jansson and libmd
License: Apache-2.0 and LGPL-2.1+ and GPL-3+ with the GCC runtime exception and Expat and BSD
 The libraries are Debian's; their sources are those of its packages glibc, gcc, jansson and libmd.
")
  file(COPY ${doc}/changelog.gz DESTINATION ${agents})
endif()
