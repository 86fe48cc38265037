# find_package(altlas_runner) and target_link_libraries(program altlas_runner::altlas_runner)
if(NOT TARGET altlas_runner::altlas_runner)
  get_filename_component(_altlas_runner_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
  add_library(altlas_runner::altlas_runner SHARED IMPORTED)
  set_target_properties(altlas_runner::altlas_runner PROPERTIES
    IMPORTED_LOCATION "${_altlas_runner_prefix}/lib/libaltlas_runner.so.0"
    IMPORTED_SONAME libaltlas_runner.so.0
    INTERFACE_INCLUDE_DIRECTORIES "${_altlas_runner_prefix}/include")
  unset(_altlas_runner_prefix)
endif()
