const MAX_MIB = 4_294_967_295;
const MEMORY = /^(\d+)(m|mb|mi|g|gb|gi)?$/i;

/**
 * The memory of a machine in MiB, in the dialect of `.cirrus.yml`: `512Mb`, `16G`; a bare number means GiB below 100
 * and MiB from there on. Undefined for anything else, and for what a 32-bit number cannot hold.
 */
export function parseMemory(text: string): number | undefined {
  const [, digits = '', unit = ''] = MEMORY.exec(text) ?? [];
  if (digits === '') return undefined;
  const count = Number(digits);
  const inGigabytes = unit === '' ? count < 100 : /^g/i.test(unit);
  const mebibytes = inGigabytes ? count * 1024 : count;
  return mebibytes <= MAX_MIB ? mebibytes : undefined;
}
