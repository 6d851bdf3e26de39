#!/usr/bin/env bash
# Gets the programs that checks, tests and the demo run for real.
# Usage: tools.sh [PROGRAM...], without names: all that can be had without root
#        tools.sh --for-tests or --for-checks, all that tests or checks need
#
# What is on the PATH is used. The rest is unpacked into .tools. A few programs have to be installed,
# which only CI does by itself. A program that is not to be had is named with the command that brings
# it, and what needs it is skipped; in CI it is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh

fetched=(prometheus promtool amtool prometheus-pushgateway docker-compose promtool3 kubectl
  victoria-metrics vmagent vmalert vmauth vmctl)
# A browser has too many libraries to be unpacked, and so has curl; openssl finds its configuration
# in one place only, ip is run as root, and systemd-analyze looks for its library where it is installed.
installed=(openssl chromium ip curl systemd-analyze)
# Fetched too, when it is asked for by name: haproxy, which `make bench` compares the tap with.

mkdir -p .tools/bin .tools/download
exec 9>.tools/tools.flock
flock 9
bin=$PWD/.tools/bin
missing=() to_install=()

have() { command -v "$1" >/dev/null || [ -x "$bin/$1" ]; }

# Links the first of the given programs under another name, for those that have one more.
alias_of() {
  local name=$1 other
  shift
  for other in "$@"; do
    if other=$(command -v "$other"); then
      ln -sf "$other" "$bin/$name"
      return
    fi
  done
  return 1
}

# Links a program of a package, which is fetched with those it needs when it is not there yet.
# Usage: get PROGRAM PACKAGE [PACKAGE...]
get() {
  local name=$1 package=$2
  shift
  [ -x ".tools/download/$package/usr/bin/$name" ] || unpack "$package" "usr/bin/$name" "$@" || return 1
  link "$name" "download/$package/usr/bin/$name"
}

# A relative link still works when the checkout is moved.
link() { ln -sf "../$2" "$bin/$1"; }

# Compose is here to read compose.yaml; it needs no engine for that.
get_compose() {
  local plugin=usr/libexec/docker/cli-plugins/docker-compose
  if docker compose version >/dev/null 2>&1; then
    wrap exec docker compose
  elif known docker-compose-v2; then # Ubuntu
    unpack docker-compose "$plugin" docker-compose-v2 && link docker-compose "download/docker-compose/$plugin"
  elif [[ $(with_dependencies docker-compose python3-) == *python3-* ]]; then # Debian 12
    get_compose_in_python
  else
    unpack docker-compose "$plugin" docker-compose && link docker-compose "download/docker-compose/$plugin"
  fi && "$bin/docker-compose" version >/dev/null
}

get_compose_in_python() {
  local libraries
  mapfile -t libraries < <(with_dependencies docker-compose python3- | grep -v -x python3-minimal)
  unpack docker-compose usr/bin/docker-compose "${libraries[@]}" || return 1
  # Debian has one half of distutils with Python and the other in a package.
  cp /usr/lib/python3.11/distutils/*.py .tools/download/docker-compose/usr/lib/python3.11/distutils
  # shellcheck disable=SC2016 # for the wrapper's shell
  wrap 'PYTHONPATH="$download/usr/lib/python3/dist-packages:$download/usr/lib/python3.11" exec /usr/bin/python3 "$download/usr/bin/docker-compose"'
}

# Debian's HAProxy with the libraries that few machines have.
get_haproxy() {
  local libraries
  mapfile -t libraries < <(with_dependencies haproxy '(liblua|libopentracing)')
  [ -x .tools/download/haproxy/usr/sbin/haproxy ] || unpack haproxy usr/sbin/haproxy "${libraries[@]}" || return 1
  # shellcheck disable=SC2016 # for the wrapper's shell
  printf '#!/bin/bash\ndownload=$(dirname "$(readlink -f "$0")")/../download/haproxy\nexport LD_LIBRARY_PATH\nfor LD_LIBRARY_PATH in "$download"/usr/lib/*-linux-*; do :; done\nexec "$download/usr/sbin/haproxy" "$@"\n' >"$bin/haproxy"
  chmod +x "$bin/haproxy" && "$bin/haproxy" -v >/dev/null
}

# Writes .tools/bin/docker-compose, which runs a command with its own arguments.
wrap() {
  # shellcheck disable=SC2016 # for the wrapper's shell
  printf '#!/bin/bash\ndownload=$(dirname "$(readlink -f "$0")")/../download/docker-compose\n%s "$@"\n' "$*" >"$bin/docker-compose"
  chmod +x "$bin/docker-compose"
}

fetch() {
  case $1 in
  prometheus)
    # shellcheck disable=SC2046 # a list of package names; those that match are for its pages
    get prometheus $(with_dependencies prometheus '(libjs|fonts)-')
    ;;
  promtool)
    if known promtool; then # since Debian 13
      get promtool promtool
    else # it comes with Prometheus, whose pages must not be missing when that is asked for
      fetch prometheus && get promtool prometheus
    fi
    ;;
  amtool) get amtool prometheus-alertmanager ;;
  prometheus-pushgateway) alias_of "$1" pushgateway || get "$1" "$1" ;;
  victoria-metrics | vm*) get "$1" victoria-metrics ;;
  docker-compose) get_compose ;;
  haproxy) get_haproxy ;;
  promtool3) scripts/prometheus3.sh ;;
  kubectl) (use_debian_testing && get kubectl kubectl) ;; # Debian 12's makes no such manifests yet
  esac
}

chromium_runs() { "$bin/chromium" --version >/dev/null 2>&1; }

on_ubuntu() { grep -q '^ID=ubuntu' "${OS_RELEASE:-/etc/os-release}"; }

package_of() {
  case $1 in
  ip) echo iproute2 ;;
  systemd-analyze) echo systemd ;;
  *) echo "$1" ;;
  esac
}

case ${1:-} in
"") wanted=("${fetched[@]}") ;;
--for-tests) wanted=("${fetched[@]}" "${installed[@]}") ;;
--for-checks) wanted=("${fetched[@]}" systemd-analyze) ;;
*) wanted=("$@") ;;
esac

# When installed, it is known by either name. Unpacked, Debian's does not start, since it looks for
# its templates in /usr/share; its amtool does not need them.
alias_of prometheus-alertmanager alertmanager || true
# Without its snap, Ubuntu's chromium-browser only says that it is one.
have chromium || { alias_of chromium google-chrome chromium-browser && chromium_runs; } || rm -f "$bin/chromium"
for name in "${wanted[@]}"; do
  have "$name" && continue
  case " ${installed[*]} " in
  *" $name "*)
    if [ "$name" = chromium ] && on_ubuntu; then
      missing+=("chromium (Ubuntu has a snap: sudo snap install chromium; Google Chrome will do)")
    else
      to_install+=("$(package_of "$name")")
    fi
    ;;
  *)
    known prometheus || fresh_lists || true
    if ! fetch "$name"; then
      rm -f "$bin/$name"
      missing+=("$name")
    fi
    ;;
  esac
done

if [ ${#to_install[@]} -gt 0 ] && [ -n "${CI:-}" ]; then
  echo "Installing ${to_install[*]}"
  ! install_packages "${to_install[@]}" || to_install=()
fi
if [ ${#to_install[@]} -gt 0 ]; then
  echo "What needs ${to_install[*]} is skipped. To have it: sudo apt-get install ${to_install[*]}" >&2
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "Not to be had here, so what needs it is skipped: ${missing[*]}. To have it: put it on the PATH" >&2
fi
[ -z "${CI:-}" ] || [ ${#missing[@]}${#to_install[@]} = 00 ]
