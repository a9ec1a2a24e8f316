# SPDX-License-Identifier: Apache-2.0
# Read by CPack when it runs: which packages there are.
set(CPACK_COMPONENTS_ALL onepath)
file(GLOB agents ${CMAKE_CURRENT_LIST_DIR}/../build-agent-x86_64/onepath-agent
  ${CMAKE_CURRENT_LIST_DIR}/../build-agent-aarch64/onepath-agent)
if(agents)
  list(APPEND CPACK_COMPONENTS_ALL agents)
endif()
