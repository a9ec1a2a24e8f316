# SPDX-License-Identifier: Apache-2.0
# The static agent goes where latency/measure/agent_binary.h looks: `cmake --install build-agent-aarch64 --prefix P`.
install(PROGRAMS $<TARGET_FILE:onepath-agent> DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/onepath
  RENAME onepath-agent-${ONEPATH_AGENT_ARCH})
