import { readFileSync } from 'node:fs';

/** `\040` and its like, as the kernel of Linux writes blanks. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Mount points from the text of /proc/self/mountinfo, in the order in which they were mounted. */
export function parseMountInfo(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const point = line.split(' ')[4];
    return point === undefined ? [] : [plain(point)];
  });
}

/** Mount points from what `/sbin/mount` of macOS prints: `/dev/disk4s1 on /Volumes/X (hfs, local)`. */
export function parseMountTable(text: string): string[] {
  return text.split('\n').flatMap((line) => /^.*? on (\/.*) \([^()]*\)$/.exec(line)?.[1] ?? []);
}

/** All mount points that this process sees. */
export function listMountPoints(): string[] {
  if (process.platform === 'linux') return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  const { stdout } = Bun.spawnSync(['/sbin/mount']);
  return parseMountTable(stdout.toString());
}
