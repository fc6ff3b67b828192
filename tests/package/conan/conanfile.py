"""The recipe of a clone, for Conan 2: conan create tests/package/conan"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy


class NetnotesRecipe(ConanFile):
    name = "netnotes"
    description = "A header-only C++20 networking library for Linux that teaches"
    license = "MIT"
    topics = ("networking", "header-only", "sockets", "coroutines", "course")
    package_type = "header-library"
    settings = "os", "compiler"
    no_copy_source = True

    @property
    def clone(self):
        return os.path.normpath(os.path.join(self.recipe_folder, "..", "..", ".."))

    def set_version(self):
        with open(os.path.join(self.clone, "include", "netnotes", "ip", "version.hpp"), encoding="utf-8") as file:
            number = int(re.search(r"^#define NETNOTES_VERSION (\d+)", file.read(), re.M)[1])
        self.version = f"{number // 10000}.{number // 100 % 100}.{number % 100}"

    def export_sources(self):
        copy(self, "include/netnotes/*", src=self.clone, dst=self.export_sources_folder)
        copy(self, "LICENSE", src=self.clone, dst=self.export_sources_folder)

    def validate(self):
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "*.hpp", src=os.path.join(self.source_folder, "include"), dst=os.path.join(self.package_folder, "include"))
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "netnotes")
        self.cpp_info.set_property("cmake_target_name", "netnotes::netnotes")
        self.cpp_info.set_property("pkg_config_name", "netnotes")
        self.cpp_info.system_libs = ["pthread"]
