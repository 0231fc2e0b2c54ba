#!/bin/sh
# Makes the token that Claviger keeps keys in, once: where there is one, nothing is done. Its PIN is CLAVIGER_SOFTHSM_PIN.
# The PIN of the security officer, who could set another, is nobody's.
set -eu

: "${CLAVIGER_SOFTHSM_PIN:?set CLAVIGER_SOFTHSM_PIN to the PIN of the token that is to be made, 4 to 255 characters}"
label=claviger

# Nobody else on this machine reads what is made, whoever owns the folder.
umask 077
if softhsm2-util --show-slots | grep -Eq "^ *Label: +$label *\$"; then
  echo "the token $label is there already"
  exit 0
fi
officer=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
softhsm2-util --init-token --free --label "$label" --pin "$CLAVIGER_SOFTHSM_PIN" --so-pin "$officer"
