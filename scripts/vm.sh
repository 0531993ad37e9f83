#!/bin/sh
# Runs a command in a virtual machine with pure cgroup v2 and every controller: Debian's cloud kernel under qemu's software
# emulation, on machines whose own kernel has something else. Needs root; everything comes from Debian's packages.
#
#   vm.sh COMMAND...       runs COMMAND as root with the checkout's programs in /hythe; prints what it prints, ends as it ends
#
# The machine's disk is the debian fixture with the tests' tools, made once (HYTHE_FIXTURES/vm); each run works on a
# throw-away overlay of it, so that runs do not see each other. The host's HYTHE_VM_SHARE directory (default: the built
# test programs) is packed into a second disk, mounted at /hythe.
set -eu
cd "$(dirname "$0")/.."
fixtures=${HYTHE_FIXTURES:-/var/cache/hythe-fixtures}
vm=$fixtures/vm
share=${HYTHE_VM_SHARE:-}
memory=${HYTHE_VM_MEMORY:-1024}

[ $# -gt 0 ] || { sed -n '2,9p' "$0"; exit 2; }

tools() {
  missing=
  for package in qemu-system-x86 seabios qemu-utils e2fsprogs cpio kmod busybox-static debootstrap; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
  done
  # shellcheck disable=SC2086
  [ -z "$missing" ] || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; } >&2
}

# kernel: unpacks Debian's cloud kernel and its modules into $vm/kernel, without installing it on this machine.
kernel() {
  [ -e "$vm/kernel/vmlinuz" ] && return
  mkdir -p "$vm/kernel"
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/ *Depends: \(linux-image-[^ ]*\)/\1/p' | head -n 1)
  (cd "$vm" && apt-get download -q "$package" >&2 && dpkg-deb -x "$package"_*.deb kernel && rm "$package"_*.deb)
  mv "$vm"/kernel/boot/vmlinuz-* "$vm/kernel/vmlinuz"
}

# initrd: just enough to find the disk: busybox and the modules of virtio and ext4.
initrd() {
  [ -e "$vm/initrd" ] && return
  tree=$vm/initrd.d
  rm -rf "$tree"
  mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/root" "$tree/modules"
  cp "$(command -v busybox)" "$tree/bin/busybox"
  version=$(ls "$vm/kernel/lib/modules")
  depmod -b "$vm/kernel" "$version"
  modprobe -d "$vm/kernel" -S "$version" -a --show-depends virtio_pci virtio_blk ext4 | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$vm/modules"
  : >"$tree/modules/order"
  while read -r module; do
    cp "$module" "$tree/modules/"
    basename "$module" >>"$tree/modules/order"
  done <"$vm/modules"
  cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
while read -r module; do busybox insmod "/modules/$module"; done </modules/order
busybox mount -t ext4 /dev/vda /root
busybox mount --move /dev /root/dev
busybox umount /proc
exec busybox switch_root /root /sbin/vm-init
INIT
  chmod 755 "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc --quiet) | gzip -1 >"$vm/initrd.part"
  mv "$vm/initrd.part" "$vm/initrd"
}

# disk: the debian fixture's tree with the tools of the tests and the kernel's modules.
disk() {
  [ -e "$vm/disk2.img" ] && return
  scripts/fixtures.sh "$fixtures" busybox debian >&2
  tree=$vm/tree
  rm -rf "$tree"
  cp -a "$fixtures/.work/base" "$tree"
  mount -t proc proc "$tree/proc"
  mount --bind /dev "$tree/dev"
  cp /etc/resolv.conf "$tree/etc/resolv.conf"
  chroot "$tree" sh -euc 'apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nftables kmod util-linux busybox-static apparmor' >"$vm/tools.log" 2>&1 || { umount "$tree/proc" "$tree/dev"; tail "$vm/tools.log" >&2; exit 1; }
  umount "$tree/proc" "$tree/dev"
  cp -a "$vm/kernel/lib/modules" "$tree/lib/"
  mkdir -p "$tree/hythe" "$tree/fixtures"
  cp "$fixtures/busybox.tar" "$tree/fixtures/"
  cat >"$tree/sbin/vm-init" <<'INIT'
#!/bin/sh
# Process 1 of the machine: mounts, runs the command it finds on the second disk, reports its status, powers off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb HYTHE_FIXTURES=/fixtures HYTHE_BIN=/hythe
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
for module in overlay nf_tables nft_nat nft_masq nft_ct nft_chain_nat nft_fib_inet bridge veth br_netfilter; do modprobe -q "$module"; done
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
ip link set lo up
hostname vm
mount -o ro /dev/vdb /hythe
sh /hythe/command </dev/null >/dev/ttyS1 2>&1
echo "status $?" >/dev/ttyS2
sync
echo o >/proc/sysrq-trigger
exec sleep 60
INIT
  chmod 755 "$tree/sbin/vm-init"
  mke2fs -q -t ext4 -d "$tree" "$vm/disk2.part" 3G >/dev/null
  rm -rf "$tree"
  mv "$vm/disk2.part" "$vm/disk2.img"
}

mkdir -p "$vm"
tools
(
  flock 9
  kernel
  initrd
  disk
) 9>"$vm/.lock"

run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
mkdir "$run/share"
[ -z "$share" ] || cp -aL "$share"/. "$run/share/"
printf '%s\n' "cd /root" "$*" >"$run/share/command"
mke2fs -q -t ext4 -d "$run/share" "$run/share.img" 1G >/dev/null
qemu-img create -q -f qcow2 -F raw -b "$vm/disk2.img" "$run/disk.qcow2"
: >"$run/status"
# Software emulation on purpose: it works on every machine, nested or not, and is fast enough.
timeout "${HYTHE_VM_TIMEOUT:-600}" qemu-system-x86_64 -machine q35,accel=tcg -cpu max -smp 2 -m "$memory" -nographic -nodefaults -no-reboot \
  -kernel "$vm/kernel/vmlinuz" -initrd "$vm/initrd" -append "console=ttyS0 quiet panic=-1 cgroup_no_v1=all" \
  -drive "file=$run/disk.qcow2,if=virtio,format=qcow2,cache=unsafe" -drive "file=$run/share.img,if=virtio,format=raw,cache=unsafe" \
  -serial "file:$run/console" -serial stdio -serial "file:$run/status" </dev/null || true
status=$(sed -n 's/^status \([0-9]*\).*/\1/p' "$run/status")
[ -n "$status" ] || { echo "vm: the machine ended without a status; its console:" >&2; tail -n 30 "$run/console" >&2; exit 125; }
exit "$status"
