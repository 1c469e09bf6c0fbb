#!/usr/bin/env bash
# First half of `make setup`: what must be on the machine before Python can take over.
# Java 17+ and Python 3.11 or 3.12 are checked, installed where this user may, and otherwise named with the command
# that installs them (exit 2). Then environment.py makes .venv and fetches the jars. Runs on bash 3.2 (macOS).
set -euo pipefail
here=${BASH_SOURCE[0]%/*}

die() {
    printf 'setup: %s\n' "$@" >&2
    exit 2
}

may_install() { [ "${EUID}" -eq 0 ] && command -v apt-get >/dev/null; }

apt_install() {
    printf 'setup: installing %s\n' "$*" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# Prints the major version of a java, nothing where it does not run (macOS has a stub that only complains).
java_major() {
    local said pattern='version "(1\.)?([0-9]+)'
    said=$("$1" -version 2>&1) || return 0
    if [[ $said =~ $pattern ]]; then printf '%s' "${BASH_REMATCH[2]}"; fi
}

find_java() {
    if [ -n "${JAVA_HOME:-}" ]; then printf '%s' "$JAVA_HOME/bin/java"; else command -v java || true; fi
}

java_advice="Install it, then run the command again:
  Debian, Ubuntu:  sudo apt-get update && sudo apt-get install openjdk-17-jre-headless
  Fedora, RHEL:    sudo dnf install java-17-openjdk-headless   (newer Fedora: java-21-openjdk-headless)
  macOS:           brew install openjdk@17 && export JAVA_HOME=\"\$(brew --prefix openjdk@17)\"
An installed Java is named by JAVA_HOME."

java_ok() {
    local java major
    java=$(find_java)
    [ -n "$java" ] || { java_fault="Java 17 or newer is needed; there is no java on PATH."; return 1; }
    [ -x "$java" ] || { java_fault="Java 17 or newer is needed; JAVA_HOME is $JAVA_HOME, and there is no $java."; return 1; }
    # Spark starts every JVM with this module, which cut-down Java builds lack; the usual case costs one call.
    if [ "$(JDK_JAVA_OPTIONS='--add-modules=jdk.incubator.vector' java_major "$java")" -ge 17 ] 2>/dev/null; then return 0; fi
    major=$(java_major "$java")
    if [ -z "$major" ]; then java_fault="Java 17 or newer is needed; $java does not run."
    elif [ "$major" -lt 17 ]; then java_fault="Java 17 or newer is needed; $java is Java $major."
    else java_fault="$java is Java $major without the module jdk.incubator.vector; a full build of Java is needed."
    fi
    return 1
}

ensure_java() {
    java_ok && return 0
    # A JAVA_HOME was chosen by somebody: another Java beside it would not be used.
    if [ -z "${JAVA_HOME:-}" ] && may_install; then
        printf 'setup: %s\n' "$java_fault" >&2
        apt-get update -q >&2 || true
        # Debian 13 has no 17 any more.
        apt_install openjdk-17-jre-headless || apt_install openjdk-21-jre-headless || true
        hash -r
        java_ok && return 0
    fi
    die "$java_fault" "$java_advice"
}

python_ok() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' >/dev/null 2>&1
}

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3; do
        if command -v "$name" >/dev/null && python_ok "$name"; then command -v "$name"; return 0; fi
    done
}

ensure_python() {
    python=$(find_python)
    if [ -z "$python" ] && may_install; then
        apt-get update -q >&2 || true
        apt_install python3 python3-venv || true
        hash -r
        python=$(find_python)
    fi
    [ -n "$python" ] || die "Python 3.11 or 3.12 is needed and none was found on PATH." \
"  Debian 12, Ubuntu 24.04:  sudo apt-get install python3 python3-venv
  Fedora, RHEL:             sudo dnf install python3.12
  macOS:                    brew install python@3.12
Another one is named by PYTHON=/path/to/python3.12."
    # Debian keeps venv's half of Python in a package of its own.
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        if may_install; then apt-get update -q >&2 || true; apt_install "$package" || true; fi
        "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
            die "$python cannot make environments: install $package (sudo apt-get install $package)."
    fi
}

ensure_java
ensure_python
exec "$python" "$here/environment.py"
