import { expect, test } from 'bun:test';
import { DiskWatch, freeBytesOf } from '../../src/hub/disk-watch.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { quietLogger } from '../support/quiet-logger.ts';

function scene() {
  const free: Record<string, number> = { '/data': 1_000, '/shared': 1_000 };
  const clock = new FakeClock();
  const { log, lines } = quietLogger();
  const freeBytes = async (folder: string) => free[folder] ?? 0;
  const disk = new DiskWatch({ folders: Object.keys(free), minFreeBytes: 100, freeBytes, clock, log });
  return { free, clock, disk, lines };
}

test('new work is refused while any disk has too little room, and a little more is not enough to go on', async () => {
  const { free, disk, lines } = scene();
  expect(await disk.look()).toBe(false);
  disk.expectRoom();
  free['/shared'] = 99;
  expect(await disk.look()).toBe(true);
  expect(() => disk.expectRoom()).toThrow(/no new work: the disk of \/shared has 99 B left/);
  free['/shared'] = 110;
  expect(await disk.look()).toBe(false);
  expect(disk.isFull).toBe(true);
  free['/shared'] = 125;
  expect(await disk.look()).toBe(true);
  disk.expectRoom();
  expect(lines.map(({ msg }) => msg)).toEqual(['no new work is taken', 'new work is taken again']);
});

test('is looked at from time to time, and each change is told', async () => {
  const { free, clock, disk } = scene();
  const stop = new AbortController();
  const seen: boolean[] = [];
  const running = disk.run(() => seen.push(disk.isFull), stop.signal);
  await clock.advance(5_000);
  free['/data'] = 0;
  await clock.advance(5_000);
  await clock.advance(5_000);
  free['/data'] = 1_000;
  await clock.advance(5_000);
  expect(seen).toEqual([true, false]);
  stop.abort();
  await running;
});

test('the room of a real folder is known', async () => {
  expect(await freeBytesOf('/')).toBeGreaterThan(0);
});
