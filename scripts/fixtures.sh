#!/bin/sh
# Makes the project's images from Debian's packages, for machines that reach no image registry: busybox, debian, redis,
# nginx and python (with flask). Real root trees in real layers; nothing is downloaded but Debian packages.
#
#   fixtures.sh DIR [IMAGE...]    writes DIR/IMAGE.tar, each an OCI image layout that `docker load` reads too
#
# An image that is there already is kept; the debian base layer is made once and shared. Needs root, debootstrap and
# busybox-static (scripts/setup.sh installs them). Layers are made as an engine makes them: the upper directory of an
# overlay, with its whiteouts turned into `.wh.` files.
set -eu

out=${1:?usage: fixtures.sh DIR [IMAGE...]}
shift
[ $# -gt 0 ] || set -- busybox debian redis nginx python
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$out/.work
mkdir -p "$work"

exec 9>"$out/.lock"
flock 9 # several test runs may share one directory

mirror() {
  grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' '
}

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

# begin NAME: starts an image layout in $layout with no layers.
begin() {
  name=$1
  layout=$work/$name
  rm -rf "$layout"
  mkdir -p "$layout/blobs/sha256"
  layers= diffs= history=
}

# add_layer TREE 'CREATED BY': packs a directory as the next layer.
add_layer() {
  tar -C "$1" --sort=name --numeric-owner --xattrs --xattrs-include='security.*' -c . >"$work/layer.tar"
  add_packed "$work/layer.tar" "$2"
}

add_packed() {
  diff=$(sha256 "$1")
  [ -e "$1.gz" ] && [ "$1.gz" -nt "$1" ] || gzip -1nc "$1" >"$1.gz"
  blob=$(sha256 "$1.gz")
  cp "$1.gz" "$layout/blobs/sha256/$blob"
  size=$(stat -c %s "$1.gz")
  layers="$layers${layers:+,}{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$blob\",\"size\":$size}"
  diffs="$diffs${diffs:+,}\"sha256:$diff\""
  history="$history${history:+,}{\"created\":\"2026-01-01T00:00:00Z\",\"created_by\":\"$2\"}"
  archived="${archived:-}${archived:+,}\"blobs/sha256/$blob\""
}

# finish CONFIG: CONFIG is the JSON object of the image's `config`.
finish() {
  printf '{"architecture":"%s","os":"linux","created":"2026-01-01T00:00:00Z","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
    "$(dpkg --print-architecture)" "$1" "$diffs" "$history" >"$work/config"
  config=$(sha256 "$work/config")
  mv "$work/config" "$layout/blobs/sha256/$config"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
    "$config" "$(stat -c %s "$layout/blobs/sha256/$config")" "$layers" >"$work/manifest"
  manifest=$(sha256 "$work/manifest")
  size=$(stat -c %s "$work/manifest")
  mv "$work/manifest" "$layout/blobs/sha256/$manifest"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"io.containerd.image.name":"docker.io/library/%s:latest","org.opencontainers.image.ref.name":"latest"}}]}' \
    "$manifest" "$size" "$name" >"$layout/index.json"
  printf '[{"Config":"blobs/sha256/%s","RepoTags":["%s:latest"],"Layers":[%s]}]' "$config" "$name" "$archived" >"$layout/manifest.json"
  archived=
  tar -C "$layout" --sort=name -cf "$out/$name.tar.part" .
  mv "$out/$name.tar.part" "$out/$name.tar"
  rm -rf "$layout"
  echo "made $out/$name.tar"
}

make_busybox() {
  tree=$work/tree
  rm -rf "$tree"
  mkdir -p "$tree/bin" "$tree/etc" "$tree/root" "$tree/tmp" "$tree/home" "$tree/usr/bin" "$tree/usr/sbin" "$tree/var/spool/mail" "$tree/var/www"
  chmod 1777 "$tree/tmp"
  chmod 0700 "$tree/root"
  cp "$(command -v busybox)" "$tree/bin/busybox"
  for applet in $("$tree/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln "$tree/bin/busybox" "$tree/bin/$applet"
  done
  ln -s ../../bin/env "$tree/usr/bin/env"
  printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\noperator:x:37:37:Operator:/var:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$tree/etc/passwd"
  printf 'root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nusers:x:100:games,nobody\nnogroup:x:65534:\n' >"$tree/etc/group"
  begin busybox
  add_layer "$tree" "busybox-static of Debian"
  finish '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh"]}'
  rm -rf "$tree"
}

# The base tree of the Debian images, $work/base, and its packed layer, $work/base.tar.
base() {
  [ -e "$work/base.tar" ] && [ -d "$work/base" ] && return
  rm -rf "$work/base"
  debootstrap --variant=minbase --include=procps,iproute2,curl,ca-certificates bookworm "$work/base" "$(mirror)" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
  # Package downloads are caches, not part of the image; device nodes come from the engine.
  rm -rf "$work/base"/var/cache/apt/archives/*.deb "$work/base"/var/lib/apt/lists/* "$work/base"/dev/*
  : >"$work/base/etc/resolv.conf"
  tar -C "$work/base" --sort=name --numeric-owner -c . >"$work/base.tar.part"
  mv "$work/base.tar.part" "$work/base.tar"
}

make_debian() {
  base
  begin debian
  add_packed "$work/base.tar" "debootstrap bookworm"
  finish '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["bash"]}'
}

# on_base NAME 'PACKAGES' SCRIPT: a layer above debian with packages installed and SCRIPT run (in the tree, as root).
on_base() {
  base
  upper=$work/upper merged=$work/merged
  umount "$merged" 2>/dev/null || true
  rm -rf "$upper" "$work/ovl" "$merged"
  mkdir -p "$upper" "$work/ovl" "$merged"
  unshare --mount --propagation private sh -euc '
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
    mount -t proc proc "$4/proc"
    mount -t tmpfs tmpfs "$4/dev"
    for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9"; do set -- "$@" ; n=${node%% *}; mknod -m 666 "$4/dev/$n" c ${node#* }; done
    mount -t tmpfs tmpfs "$4/tmp"
    cp /etc/resolv.conf "$4/tmp/resolv.conf"; mount --bind "$4/tmp/resolv.conf" "$4/etc/resolv.conf"
    export DEBIAN_FRONTEND=noninteractive
    printf "#!/bin/sh\nexit 101\n" >"$4/usr/sbin/policy-rc.d"; chmod 755 "$4/usr/sbin/policy-rc.d" # packages must not start daemons here
    chroot "$4" sh -euc "apt-get update -q && apt-get install -y -q --no-install-recommends $5"
    rm -rf "$4"/var/lib/apt/lists/* "$4"/var/cache/apt/archives/*.deb "$4"/var/cache/apt/*.bin "$4"/usr/sbin/policy-rc.d
    chroot "$4" sh -euc "$6"
  ' sh "$work/base" "$upper" "$work/ovl" "$merged" "$2" "$3" >"$work/$1.log" 2>&1 || { tail -n 20 "$work/$1.log" >&2; exit 1; }
  rm -rf "$upper/proc" "$upper/dev" "$upper/tmp" "$upper/etc/resolv.conf"
  find "$upper" -type c | while read -r node; do # overlay whiteout (0:0) -> the form of a layer tar
    rm "$node"
    : >"$(dirname "$node")/.wh.$(basename "$node")"
  done
  begin "$1"
  add_packed "$work/base.tar" "debootstrap bookworm"
  add_layer "$upper" "apt-get install $2"
  rm -rf "$upper" "$work/ovl" "$merged"
}

make_redis() {
  on_base redis "redis-server redis-tools" '
    mkdir -p /data && chown redis:redis /data
    printf "%s\n" "#!/bin/sh" "set -e" \
      "[ \"\${1#-}\" = \"\$1\" ] || set -- redis-server \"\$@\"" \
      "if [ \"\$1\" = redis-server ]; then" \
      "  shift; set -- redis-server --protected-mode no \"\$@\"" \
      "  if [ \"\$(id -u)\" = 0 ]; then find . ! -user redis -exec chown redis {} +; exec setpriv --reuid=redis --regid=redis --clear-groups \"\$@\"; fi" \
      "fi" "exec \"\$@\"" >/usr/local/bin/docker-entrypoint.sh
    chmod 755 /usr/local/bin/docker-entrypoint.sh'
  finish '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Entrypoint":["docker-entrypoint.sh"],"Cmd":["redis-server"],"ExposedPorts":{"6379/tcp":{}},"Volumes":{"/data":{}},"WorkingDir":"/data"}'
}

make_nginx() {
  on_base nginx "nginx-light" '
    mkdir -p /usr/share/nginx/html
    printf "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head><body><h1>Welcome to nginx!</h1></body></html>\n" >/usr/share/nginx/html/index.html
    sed -i "s#/var/www/html#/usr/share/nginx/html#; s#index.nginx-debian.html##" /etc/nginx/sites-available/default
    ln -sf /dev/stdout /var/log/nginx/access.log
    ln -sf /dev/stderr /var/log/nginx/error.log'
  finish '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["nginx","-g","daemon off;"],"ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGQUIT"}'
}

make_python() {
  on_base python "python3 python3-flask python3-redis python3-pip" 'ln -sf python3 /usr/bin/python'
  finish '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG=C.UTF-8"],"Cmd":["python3"]}'
}

for image in "$@"; do
  [ -e "$out/$image.tar" ] && continue
  case $image in
    busybox | debian | redis | nginx | python) "make_$image" ;;
    *) echo "fixtures: no image called $image (busybox, debian, redis, nginx, python)" >&2; exit 2 ;;
  esac
done
