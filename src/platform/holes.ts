import { FFIType } from 'bun:ffi';
import { openLibc } from './libc.ts';

interface Run {
  readonly at: number;
  readonly bytes: number;
}

/** The numbers of SEEK_DATA and SEEK_HOLE, which the two systems have the other way round. */
const SEEK = process.platform === 'darwin' ? { data: 4, hole: 3 } : { data: 3, hole: 4 };

function openSeek() {
  return openLibc({ lseek: { args: [FFIType.i32, FFIType.i64, FFIType.i32], returns: FFIType.i64_fast } }).lseek;
}

const opened: { seek?: ReturnType<typeof openSeek> } = {};

/**
 * Where the data lies in an open file of `sizeBytes`; undefined where the file system does not tell, or when the file
 * has no holes. A file that is one hole gives an empty list. Moves the descriptor's position.
 */
export function dataRuns(fd: number, sizeBytes: number, maxRuns: number): Run[] | undefined {
  opened.seek ??= openSeek();
  const runs: Run[] = [];
  for (let at = 0; at < sizeBytes; ) {
    const data = Number(opened.seek(fd, at, SEEK.data));
    if (data < 0) {
      // ENXIO: only a hole is left. A file system that knows nothing of holes refuses the first question already.
      const size = Number(opened.seek(fd, 0, 2));
      return size === sizeBytes ? runs : undefined;
    }
    const hole = Math.min(Number(opened.seek(fd, data, SEEK.hole)), sizeBytes);
    if (hole <= data || runs.length >= maxRuns) return undefined;
    runs.push({ at: data, bytes: hole - data });
    at = hole;
  }
  const [only] = runs;
  return only !== undefined && only.bytes === sizeBytes ? undefined : runs;
}
