import { expect } from 'bun:test';
import { join } from 'node:path';
import { namespaceGap, runInNamespace } from '../support/namespace.ts';
import { testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';

const onSmallDisk = testNeeding('a hub on a full disk', namespaceGap());

onSmallDisk(
  'a full disk: new work is refused, nothing acknowledged is lost, and the hub goes on by itself',
  () => {
    using folder = tempFolder();
    const scene = join(import.meta.dir, 'fixtures/full-disk-scene.ts');
    const script = `ip link set lo up; mount -t tmpfs -o size=64m none ${folder.path}; exec ${process.execPath} ${scene} ${folder.path}`;
    const { code, stdout, stderr } = runInNamespace(script);
    expect({ code, stdout, stderr: stderr.slice(-2_000) }).toMatchObject({ code: 0, stdout: 'well\n' });
  },
  120_000,
);
