# Sourced by the scripts that may have to ask for root.

# Runs a command as root, without ever asking for a password; fails when that is not allowed.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

# Installs a package, with fresh lists when the ones there are do not have it. Run in the checkout.
install_package() {
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1")
  mkdir -p .tools
  as_root "${install[@]}" >.tools/apt.log 2>&1 && return
  as_root apt-get update -qq >>.tools/apt.log 2>&1 && as_root "${install[@]}" >>.tools/apt.log 2>&1
}
