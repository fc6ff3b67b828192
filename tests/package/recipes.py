#!/usr/bin/env python3
"""recipes.py: checks the recipes for vcpkg and Conan, the release tarball, and that the version is the same everywhere.

Neither tool has to be installed. The portfile runs with CMake and small functions in the place of vcpkg's. The
Conan recipe runs with small modules in the place of Conan's. Each must produce a folder with every header. With a real
`conan` on the PATH, `conan create` runs as well.
"""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import types

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CMAKE = os.environ.get("CMAKE", "cmake")

# What vcpkg's functions do, as far as a port of headers needs them.
VCPKG = '''
function(vcpkg_cmake_configure)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
    execute_process(COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${WORK}/built ${arg_OPTIONS} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()
function(vcpkg_cmake_install)
    execute_process(COMMAND ${CMAKE_COMMAND} --install ${WORK}/built --prefix ${CURRENT_PACKAGES_DIR} COMMAND_ERROR_IS_FATAL ANY
        OUTPUT_QUIET)
endfunction()
function(vcpkg_cmake_config_fixup)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
    file(RENAME ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH} ${CURRENT_PACKAGES_DIR}/share/netnotes/cmake)
endfunction()
function(vcpkg_fixup_pkgconfig)
    if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/share/pkgconfig/netnotes.pc)
        message(FATAL_ERROR "there is no netnotes.pc")
    endif()
endfunction()
function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
    file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/netnotes RENAME copyright)
endfunction()
include(${PORT})
'''


def headers(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*.hpp")}


OURS = headers(ROOT / "include" / "netnotes")


def expect(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


def version():
    text = (ROOT / "include/netnotes/ip/version.hpp").read_text(encoding="utf-8")
    number = int(re.search(r"^#define NETNOTES_VERSION (\d+)", text, re.M)[1])
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def check_versions(here):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", changelog, re.M)
    expect(newest and newest[0][0] == here, f"CHANGELOG.md: the newest release is {newest[:1]}, version.hpp says {here}")
    port = json.loads((HERE / "vcpkg/netnotes/vcpkg.json").read_text(encoding="utf-8"))
    expect(port["version"] == here, f"vcpkg.json has the version {port['version']}, version.hpp {here}")
    expect({"name", "version", "description", "license", "supports", "dependencies"} == set(port), "vcpkg.json: unknown members")
    for name in "README.md", "README.zh-CN.md":
        for found in re.findall(r"find_package\(netnotes (\d+\.\d+)", (ROOT / name).read_text(encoding="utf-8")):
            expect(here.startswith(found + "."), f"{name}: find_package asks for {found}, version.hpp says {here}")
    single = re.compile(r"^#define NETNOTES_VERSION (\d+)", re.M)
    numbers = {path.name: single.findall(path.read_text(encoding="utf-8")) for path in (ROOT / "include/single/netnotes").glob("*.hpp")}
    expect(len({tuple(each) for each in numbers.values()}) == 1, f"one-file headers of several versions: {numbers}")


def check_vcpkg(work):
    script, packages = work / "port.cmake", work / "packages"
    script.write_text(VCPKG, encoding="utf-8")
    subprocess.run([CMAKE, f"-DWORK={work / 'vcpkg'}", f"-DCURRENT_PACKAGES_DIR={packages}",
                    f"-DPORT={HERE / 'vcpkg/netnotes/portfile.cmake'}", "-P", script], check=True)
    expect(headers(packages / "include/netnotes") == OURS, "the port does not install every header")
    expect((packages / "share/netnotes/copyright").exists(), "the port does not install the licence")
    expect(list((packages / "share/netnotes/cmake").glob("netnotes-config*.cmake")), "the port has no CMake package")
    expect(not (packages / "lib").exists() and not (packages / "debug").exists(), "headers need no lib and no debug")


def check_conan(work, here):
    class ConanFile:
        recipe_folder = str(HERE / "conan")

    def copy(_, pattern, src, dst):
        for path in pathlib.Path(src).rglob(pattern.rsplit("/", 1)[-1]):
            inside = path.relative_to(src)
            if path.is_file() and ("/" not in pattern or str(inside).startswith(pattern.rsplit("/", 1)[0])):
                (pathlib.Path(dst) / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, pathlib.Path(dst) / inside)

    for name, members in (("conan", {"ConanFile": ConanFile}), ("conan.tools", {}), ("conan.tools.files", {"copy": copy}),
                          ("conan.tools.build", {"check_min_cppstd": lambda recipe, minimum: None})):
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)
    spec = importlib.util.spec_from_file_location("conanfile", HERE / "conan/conanfile.py")
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    recipe = module.NetnotesRecipe()
    recipe.export_sources_folder = recipe.source_folder = str(work / "exported")
    recipe.package_folder = str(work / "conan")
    recipe.set_version()
    recipe.export_sources()
    recipe.package()
    expect(recipe.version == here, f"the Conan recipe has the version {recipe.version}")
    expect(headers(work / "conan/include/netnotes") == OURS, "the Conan recipe does not package every header")
    expect((work / "conan/licenses/LICENSE").exists(), "the Conan recipe does not package the licence")


def check_tarball(work, here):
    subprocess.run([CMAKE, "-S", ROOT, "-B", work / "pack", "-DNETNOTES_BUILD_TESTS=OFF", "-DNETNOTES_BUILD_EXAMPLES=OFF"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([pathlib.Path(CMAKE).with_name("cpack"), "--config", work / "pack/CPackConfig.cmake", "-B", work / "pack"],
                   check=True, stdout=subprocess.DEVNULL, cwd=work)
    name = f"netnotes-{here}"
    with tarfile.open(work / "pack" / f"{name}.tar.gz") as archive:
        names = set(archive.getnames())
    for header in OURS:
        expect(f"{name}/include/netnotes/{header}" in names, f"the tarball lacks {header}")
    for single in headers(ROOT / "include/single/netnotes"):
        expect(f"{name}/share/netnotes/single/netnotes/{single}" in names, f"the tarball lacks the one-file header {single}")
    expect(f"{name}/share/doc/netnotes/LICENSE" in names, "the tarball lacks the licence")


def main():
    if sys.argv[1:]:
        is_asked = sys.argv[1:] in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    here = version()
    check_versions(here)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        check_vcpkg(work)
        check_tarball(work, here)
        if shutil.which("conan"):
            subprocess.run(["conan", "create", HERE / "conan"], check=True)
        check_conan(work, here)
    print(f"netnotes {here}: the version is the same everywhere, and vcpkg, Conan and the tarball have all {len(OURS)} headers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
