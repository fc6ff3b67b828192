# The port of a clone, for vcpkg install netnotes --overlay-ports=tests/package/vcpkg
# Headers are the same in every build type.
set(VCPKG_BUILD_TYPE release)
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DNETNOTES_BUILD_TESTS=OFF -DNETNOTES_BUILD_EXAMPLES=OFF -DNETNOTES_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/netnotes)
vcpkg_fixup_pkgconfig()
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
