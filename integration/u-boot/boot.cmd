# Starts one of the slots A and B, as ota-client has set U-Boot's environment (convention "rauc").
#
#   mkimage -A arm64 -T script -C none -d boot.cmd boot.scr
#
# A confirmed slot (in ratchet_good) is started as it is; nothing is written. A slot on trial loses one
# try, durably, before it is started.
#
# What your board differs in are these variables; set them in U-Boot's own environment, or before you
# source this script: ratchet_devtype, ratchet_devnum, ratchet_part_A, ratchet_part_B, ratchet_bootargs,
# ratchet_load and ratchet_start (commands; the slot's partition is ${ratchet_part}).
devtype=${ratchet_devtype}
test -n "${devtype}" || devtype=nvme
devnum=${ratchet_devnum}
test -n "${devnum}" || devnum=0
part_A=${ratchet_part_A}
test -n "${part_A}" || part_A=3
part_B=${ratchet_part_B}
test -n "${part_B}" || part_B=4
common="${ratchet_bootargs}"
test -n "${common}" || common="console=ttyAMA0 panic=-1 ro rootwait"
load="${ratchet_load}"
test -n "${load}" || load='load ${devtype} ${devnum}:${ratchet_part} ${kernel_addr_r} /boot/vmlinuz'
start="${ratchet_start}"
test -n "${start}" || start='booti ${kernel_addr_r} - ${fdt_addr}'
# Where U-Boot's own environment is not redundant, or not reachable from Linux: ratchet_env_part is the
# partition (a number) that holds two copies of 0x4000 bytes, at its offsets 0x0 and 0x10000. Without it
# U-Boot's own environment and saveenv are used.
memory=${ratchet_env_addr}
test -n "${memory}" || memory=${ramdisk_addr_r}
# What is read from that partition, and written back. Other variables in there are lost with a try.
vars="${ratchet_env_vars}"
test -n "${vars}" || vars="BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT BOOT_A_ARGS BOOT_B_ARGS ratchet_good ratchet_id"

# 1. The environment: of the copies whose checksum is right, the one with the higher flag; 0 follows 255.
if test -n "${ratchet_env_part}"; then
  ${devtype} dev ${devnum}
  part start ${devtype} ${devnum} ${ratchet_env_part} ratchet_block_0
  setexpr ratchet_block_1 ${ratchet_block_0} + 80
  setexpr ratchet_flag_at_0 ${memory} + 4
  setexpr ratchet_data_at_0 ${memory} + 5
  setexpr ratchet_copy_1 ${memory} + 4000
  setexpr ratchet_flag_at_1 ${ratchet_copy_1} + 4
  setexpr ratchet_data_at_1 ${ratchet_copy_1} + 5
  setexpr ratchet_plain ${memory} + 8000
  setexpr ratchet_plain_data ${ratchet_plain} + 4
  # "env import -c" wants the data right after the checksum: the flag byte between them is left out
  setenv ratchet_valid_0 'cp.b ${memory} ${ratchet_plain} 4 && cp.b ${ratchet_data_at_0} ${ratchet_plain_data} 3ffb && env import -c ${ratchet_plain} 3fff ratchet_none'
  setenv ratchet_valid_1 'cp.b ${ratchet_copy_1} ${ratchet_plain} 4 && cp.b ${ratchet_data_at_1} ${ratchet_plain_data} 3ffb && env import -c ${ratchet_plain} 3fff ratchet_none'
  current=none
  if ${devtype} read ${memory} ${ratchet_block_0} 20 && run ratchet_valid_0; then
    setexpr.b ratchet_flag *${ratchet_flag_at_0}
    current=0
  fi
  if ${devtype} read ${ratchet_copy_1} ${ratchet_block_1} 20 && run ratchet_valid_1; then
    setexpr.b ratchet_flag_1 *${ratchet_flag_at_1}
    if test ${current} = none; then
      current=1
    elif test 0x${ratchet_flag} -eq 0xff && test 0x${ratchet_flag_1} -eq 0; then
      current=1
    elif test 0x${ratchet_flag} -eq 0 && test 0x${ratchet_flag_1} -eq 0xff; then
      current=0
    elif test 0x${ratchet_flag_1} -gt 0x${ratchet_flag}; then
      current=1
    fi
    if test ${current} = 1; then setenv ratchet_flag ${ratchet_flag_1}; fi
  fi
  if test ${current} = 0; then run ratchet_valid_0; fi
  if test ${current} != none; then
    env import -c ${ratchet_plain} 3fff ${vars}
    setexpr.b ratchet_flag ${ratchet_flag} + 1
  else
    setenv ratchet_flag 1
  fi
  # The copy that does not count is replaced.
  if test ${current} = 0; then
    setenv ratchet_write '${devtype} write ${ratchet_copy_1} ${ratchet_block_1} 20'
    setenv ratchet_pack 'cp.b ${ratchet_plain} ${ratchet_copy_1} 4 && mw.b ${ratchet_flag_at_1} ${ratchet_flag} && cp.b ${ratchet_plain_data} ${ratchet_data_at_1} 3ffb'
  else
    setenv ratchet_write '${devtype} write ${memory} ${ratchet_block_0} 20'
    setenv ratchet_pack 'cp.b ${ratchet_plain} ${memory} 4 && mw.b ${ratchet_flag_at_0} ${ratchet_flag} && cp.b ${ratchet_plain_data} ${ratchet_data_at_0} 3ffb'
  fi
  save="run ratchet_save"
  setenv ratchet_save 'env export -c -s 3fff ${ratchet_plain} ${vars} && run ratchet_pack && run ratchet_write'
else
  save=saveenv
fi

# No environment yet, or both copies lost: every slot has its tries.
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER A B
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3

# 2. The first slot that is confirmed or has tries left. Without a kernel, a confirmed one is passed over.
passed=no
for slot in ${BOOT_ORDER}; do
  good=no
  for confirmed in ${ratchet_good}; do
    if test ${confirmed} = ${slot}; then good=yes; fi
  done
  # saveenv shall save none of this script's own variables; the space: an empty value would be ignored
  setenv ratchet_ask 'left=${BOOT_'${slot}'_LEFT}; part=${part_'${slot}'}; args=" ${BOOT_'${slot}'_ARGS}"'
  run ratchet_ask
  setenv ratchet_ask
  begin=no
  if test ${good} = yes; then
    echo "Ratchet: slot ${slot} is confirmed"
    begin=yes
  elif test 0x${left} -gt 0; then
    echo "Ratchet: slot ${slot} is on trial, ${left} tries left"
    setexpr BOOT_${slot}_LEFT ${left} - 1
    if ${save}; then begin=yes; fi
  fi
  if test ${begin} = yes; then
    setenv ratchet_part ${part}
    part uuid ${devtype} ${devnum}:${part} ratchet_uuid
    setenv bootargs "${common} root=PARTUUID=${ratchet_uuid} ${args} ratchet.slot=${slot} ratchet.env=${ratchet_id}"
    echo "Ratchet: ${bootargs}"
    setenv ratchet_do "${load}"
    if run ratchet_do; then
      setenv ratchet_do "${start}"
      run ratchet_do
    fi
    echo "Ratchet: slot ${slot} did not start"
    if test ${good} = no; then reset; fi
    passed=yes
  fi
done

# 3. None. A confirmed slot that is not in the order is put there; else all tries anew: no device is given
# up for ever.
echo "Ratchet: no slot starts"
if test ${passed} = no; then
  if test -n "${ratchet_good}"; then setenv BOOT_ORDER ${ratchet_good}; fi
  setenv BOOT_A_LEFT 3
  setenv BOOT_B_LEFT 3
  ${save}
fi
reset
