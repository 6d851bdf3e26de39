# shellcheck shell=bash
# Sourced by the scripts whose commands take longer than a second.

telling=
# Says what a command is for; on a terminal, also for how many seconds it has been running. Within
# another one, it only runs the command. Usage: tell TEXT COMMAND...
tell() {
  local text=$1 began=$SECONDS status=0 ticker=
  shift
  if [ -n "$telling" ]; then
    "$@"
    return
  fi
  telling=yes
  if [ -t 1 ]; then
    printf '%s' "$text"
    # It holds no lock of ours, and ends with us however we end.
    while sleep 1 && kill -0 $$; do printf '\r%s, %d s' "$text" $((SECONDS - began)); done 2>/dev/null 9>&- &
    ticker=$!
  else
    echo "$text"
  fi
  "$@" || status=$?
  if [ -n "$ticker" ]; then
    kill "$ticker" || true
    wait "$ticker" || true
    printf '\r%s, %d s\n' "$text" $((SECONDS - began))
  fi 2>/dev/null
  telling=
  return "$status"
}
