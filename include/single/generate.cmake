# Writes the one-file headers: for each module header include/netnotes/X.hpp the file include/single/netnotes/X.hpp,
# which holds the module header and all chapters that it includes, each once, in the order of inclusion.
#
#     cmake -P include/single/generate.cmake                      writes them (so does the target `single`)
#     cmake -DOUTPUT=FOLDER -P include/single/generate.cmake      writes them somewhere else, to compare
cmake_minimum_required(VERSION 3.24)

set(headers ${CMAKE_CURRENT_LIST_DIR}/../netnotes)
if(NOT OUTPUT)
    set(OUTPUT ${CMAKE_CURRENT_LIST_DIR}/netnotes)
endif()
file(STRINGS ${headers}/ip/version.hpp version REGEX "^#define NETNOTES_VERSION")
string(REGEX MATCH "[0-9]+" version "${version}")
math(EXPR major "${version} / 10000")
math(EXPR minor "${version} / 100 % 100")
math(EXPR patch "${version} % 100")

# take(FILE): appends FILE to `result`, with the text of each quoted include in its place. Text is handled as one
# string and never as a list, because a list would lose the semicolons and brackets of C++.
function(take file)
    file(REAL_PATH ${file} file)
    get_property(taken GLOBAL PROPERTY taken)
    if(file IN_LIST taken)
        return()
    endif()
    set_property(GLOBAL APPEND PROPERTY taken ${file})
    cmake_path(GET file PARENT_PATH folder)
    file(READ ${file} text)

    # A module header tells people who copied it alone which file to take. In that file the question is answered.
    string(FIND "${text}" "#if !__has_include(\"" begin)
    if(NOT begin EQUAL -1)
        string(SUBSTRING "${text}" 0 ${begin} before)
        string(SUBSTRING "${text}" ${begin} -1 text)
        string(FIND "${text}" "#endif\n" end)
        math(EXPR end "${end} + 7")
        string(SUBSTRING "${text}" ${end} -1 text)
        string(PREPEND text "${before}")
    endif()

    while(TRUE)
        string(FIND "${text}" "\n#include \"" begin)
        if(begin EQUAL -1)
            break()
        endif()
        math(EXPR begin "${begin} + 1")
        string(SUBSTRING "${text}" 0 ${begin} before)
        set_property(GLOBAL APPEND_STRING PROPERTY result "${before}")
        math(EXPR begin "${begin} + 10") # behind the opening quote
        string(SUBSTRING "${text}" ${begin} -1 text)
        string(FIND "${text}" "\"" end)
        string(SUBSTRING "${text}" 0 ${end} name)
        string(FIND "${text}" "\n" end)
        string(SUBSTRING "${text}" ${end} -1 text)
        take(${folder}/${name})
    endwhile()
    set_property(GLOBAL APPEND_STRING PROPERTY result "${text}")
endfunction()

file(GLOB modules RELATIVE ${headers} ${headers}/*.hpp)
foreach(module IN LISTS modules)
    set_property(GLOBAL PROPERTY taken)
    set_property(GLOBAL PROPERTY result "// netnotes ${major}.${minor}.${patch}, ${module} in one file: copy it, include it, \
and nothing else is needed. Do not edit:\n// include/single/generate.cmake made it from include/netnotes/${module}, where it can be read in \
chapters.\n")
    take(${headers}/ip/version.hpp) # first, and outside of every include guard: it refuses a header of another version
    take(${headers}/${module})
    get_property(result GLOBAL PROPERTY result)
    set(former)
    if(EXISTS ${OUTPUT}/${module})
        file(READ ${OUTPUT}/${module} former)
    endif()
    if(NOT former STREQUAL result) # else whatever was compiled with it would be compiled again
        file(WRITE ${OUTPUT}/${module} "${result}")
    endif()
endforeach()
