#!/bin/sh
# Boots this machine's systemd on a layer over this machine's files: what is changed there is lost.
# Usage: boot.sh FOLDER, within namespaces of its own for all that systemd changes.
# FOLDER/checkout becomes /root/checkout, FOLDER/wheels becomes /root/wheels.
set -eu
folder=$1 root=$1/layer/root

mkdir -p "$folder/layer" "$folder/run"
mount -t tmpfs tmpfs "$folder/layer"
mkdir "$folder/layer/upper" "$folder/layer/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/layer/upper,workdir=$folder/layer/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
# Not a tmpfs: some kernels have no access lists there, and credentials are given to a unit by these.
mount --bind "$folder/run" "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  cp -a "/dev/$device" "$root/dev/"
done
ln -s null "$root/dev/console"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /run/systemd/journal/dev-log "$root/dev/log"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue" "$root/dev/hugepages"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"

# Nothing of this machine starts there, but the journal.
rm -rf "$root"/etc/systemd/system "$root"/opt/stratum-stats "$root"/etc/stratum-stats
mkdir -p "$root/etc/systemd/system"
for unit in "$root"/lib/systemd/system/sysinit.target.wants/* "$root"/lib/systemd/system/local-fs.target.wants/*; do
  case ${unit##*/} in
  systemd-journald*) ;;
  *) ln -sf /dev/null "$root/etc/systemd/system/${unit##*/}" ;;
  esac
done
echo "[Unit]" >"$root/etc/systemd/system/ready.target"
mkdir -p "$root/usr/local/bin"
printf '#!/bin/sh\nexec "$@"\n' >"$root/usr/local/bin/sudo"
chmod +x "$root/usr/local/bin/sudo"
mkdir -p "$root/root/checkout" "$root/root/wheels"
cp -a "$folder/checkout/." "$root/root/checkout"
cp -a "$folder/wheels/." "$root/root/wheels"

mkdir "$root/old"
cd "$root"
pivot_root . old
umount -l /old
mount --make-rshared /
exec env -i container=other PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
  /lib/systemd/systemd --system --unit=ready.target --log-target=journal --show-status=no
