import type { DiskImage, MountPoint } from './facts.ts';

/** `\040` and its like, as the kernel writes blanks in /proc/mounts. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The mounts of a Linux user, from the text of /proc/mounts: file systems in user space that carry its id. */
export function parseLinuxMounts(text: string, uid: number): MountPoint[] {
  return text.split('\n').flatMap((line) => {
    const [source = '', path, , options = ''] = line.split(' ');
    const list = options.split(',');
    if (path === undefined || !list.includes(`user_id=${uid}`)) return [];
    return [{ source: plain(source), path: plain(path), options: list }];
  });
}

/** The mounts of a macOS user, from what `/sbin/mount` prints: `/dev/disk4s1 on /Volumes/X (hfs, …, mounted by ci)`. */
export function parseDarwinMounts(text: string, user: string): MountPoint[] {
  return text.split('\n').flatMap((line) => {
    const [, source = '', path = '', inner = ''] = /^(.*?) on (\/.*) \(([^()]*)\)$/.exec(line) ?? [];
    const options = inner.split(', ');
    return options.includes(`mounted by ${user}`) ? [{ source, path, options }] : [];
  });
}

/** The attached disk images, from what `hdiutil info` prints; the system's own left out. */
export function parseDiskImages(text: string): DiskImage[] {
  return text.split(/^=+$/m).flatMap((section) => {
    const value = (key: string) => new RegExp(`^${key}\\s*:\\s*(.*)$`, 'm').exec(section)?.[1]?.trim();
    const file = value('image-path');
    const device = /^(\/dev\/disk\d+)\s/m.exec(section)?.[1];
    if (file === undefined || device === undefined || value('system-image')?.toLowerCase() === 'true') return [];
    return [{ file, device }];
  });
}
