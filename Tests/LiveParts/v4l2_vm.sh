#!/usr/bin/env bash
# A machine with a camera: runs a command inside QEMU, under Debian's own kernel with its test driver `vivid`, where
# /dev/video0 is real. The command sees this machine's files, read-only, and one folder that it may write.
#
#   v4l2_vm.sh FOLDER COMMAND…     FOLDER becomes the command's working folder; its status is this script's
#
# Nothing is installed but the packages of `Scripts/setup-v4l2.sh`; the kernel is unpacked into VM_CACHE (default
# .build/v4l2-vm). The processor is emulated: slow, and without /dev/kvm.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 64; }
folder=$(realpath "$1")
shift
cache=$(realpath -m "${VM_CACHE:-$(dirname "$0")/../../.build/v4l2-vm}")
seconds=${VM_SECONDS:-600}

fetch_kernel() {
    compgen -G "$cache/kernel/boot/vmlinuz-*" > /dev/null && return
    mkdir -p "$cache/download"
    local package
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
    (cd "$cache/download" && apt-get download -qq -o APT::Sandbox::User=root "$package")
    dpkg-deb --extract "$cache"/download/*.deb "$cache/kernel"
    rm -r "$cache/download"
}

# A first root with busybox, the modules in the order in which they need each other, and an init.
make_first_root() {
    local root=$cache/root image=$cache/first-root.gz
    version=$(basename "$cache"/kernel/boot/vmlinuz-* | cut -d- -f2-)
    [ -s "$cache/kernel/lib/modules/$version/modules.dep.bin" ] || depmod --basedir "$cache/kernel" "$version"
    rm -rf "$root"
    mkdir -p "$root"/{bin,modules,proc,sys,dev,host,folder}
    cp "$(command -v busybox)" "$root/bin/busybox"
    local number=100 file
    for module in virtio_pci 9pnet_virtio 9p vivid; do
        modprobe --dirname "$cache/kernel" --set-version "$version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r file; do
        cp "$file" "$root/modules/$number-$(basename "$file")"
        number=$((number + 1))
    done
    cat > "$root/init" <<'INIT'
#!/bin/busybox sh
busybox=/bin/busybox
$busybox mount -t proc none /proc
$busybox mount -t sysfs none /sys
$busybox mount -t devtmpfs none /dev
for module in /modules/*; do
    case $module in
    *vivid*) $busybox insmod $module n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 no_error_inj=0 ;;
    *) $busybox insmod $module ;;
    esac || echo "no $module"
done
$busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro files /host
for place in proc sys dev; do $busybox mount -o bind /$place /host/$place; done
$busybox mkdir -p /dev/shm
for place in tmp run dev/shm; do $busybox mount -t tmpfs none /host/$place; done
$busybox mkdir -p /host/tmp/folder
$busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 folder /host/tmp/folder
$busybox ifconfig lo 127.0.0.1 up
$busybox chroot /host /bin/bash -c 'cd /tmp/folder; export HOME=/tmp PATH=/usr/bin:/bin:/usr/sbin:/sbin; bash .command > .output 2>&1; echo $? > .status'
$busybox sync
$busybox poweroff -f
INIT
    chmod +x "$root/init"
    (cd "$root" && find . -print0 | cpio --null --create --format=newc --quiet | gzip -1) > "$image"
}

fetch_kernel
make_first_root
rm -f "$folder"/.command "$folder"/.output "$folder"/.status
printf '%q ' "$@" > "$folder/.command"
timeout "$seconds" qemu-system-x86_64 -machine q35 -accel tcg -cpu max -smp 2 -m 2048 \
    -nodefaults -no-user-config -display none -nic none -no-reboot -serial "file:$folder/.console" \
    -kernel "$cache/kernel/boot/vmlinuz-$version" -initrd "$cache/first-root.gz" -append "console=ttyS0 quiet panic=-1" \
    -virtfs local,path=/,mount_tag=files,security_model=none,readonly=on,multidevs=remap \
    -virtfs "local,path=$folder,mount_tag=folder,security_model=none" < /dev/null || true
cat "$folder/.output" 2> /dev/null || true
if [ ! -s "$folder/.status" ]; then
    echo "the virtual machine ended before the command did:" >&2
    tail -n 20 "$folder/.console" >&2
    exit 1
fi
exit "$(cat "$folder/.status")"
