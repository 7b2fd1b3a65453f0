import { ruleProblem } from '../security-schema.ts';
import type { Draft } from './draft.ts';

const ISOLATIONS = ['security', 'allowed-isolations'];

function patterns(draft: Draft, path: readonly string[]): void {
  for (const index of draft.keysOf(path)) {
    if (String(draft.get([...path, index])).includes('?'))
      draft.note([...path, index].join('.'), '"?" stood for one character; here it stands for itself');
  }
}

function volumes(draft: Draft, path: readonly string[]): void {
  if (draft.keysOf(path).length > 0)
    draft.note(
      path.join('.'),
      'sources are followed to their real path, which is compared and mounted; before, links led outside',
    );
  const useless: (string | number)[] = [];
  for (const index of draft.keysOf(path)) {
    const source = String(draft.get([...path, index, 'source']) ?? '');
    const key = [...path, index, 'source'].join('.');
    if (ruleProblem(source) !== undefined) {
      draft.note(key, `"${source}" never matched, and is refused here; taken out`);
      useless.unshift(index);
      continue;
    }
    if (source.endsWith('/*')) draft.note(key, `covers ${source.slice(0, -2) || '/'} itself too`);
    if (source.includes('?')) draft.note(key, '"?" stood for one character; here it stands for itself');
    if (draft.get([...path, index, 'force-readonly']) === true)
      draft.note(
        [...path, index, 'force-readonly'].join('.'),
        'mounts read-only what was asked writable; before, it refused the task',
      );
  }
  for (const index of useless) draft.remove([...path, index]);
}

export function security(draft: Draft): void {
  const key = ISOLATIONS.join('.');
  if (draft.has(['security']) && draft.get(['security']) === null) {
    draft.note('security', 'without a value it allowed everything, and is refused here; taken out');
    draft.remove(['security']);
  }
  if (draft.has(ISOLATIONS) && draft.get(ISOLATIONS) === null) {
    draft.note(
      key,
      'without a value it allowed everything, and is refused here; every isolation is written out: keep what you mean',
    );
    draft.set(ISOLATIONS, { none: {}, container: {}, parallels: {}, tart: {}, vetu: {} });
  }
  for (const kind of ['tart', 'vetu']) {
    const images = [...ISOLATIONS, kind, 'allowed-images'];
    if (draft.has(images) && draft.get(images) === null) {
      draft.note(images.join('.'), 'without a value it allowed any image, and is refused here; taken out');
      draft.remove(images);
    }
    patterns(draft, images);
  }
  const rules = [...ISOLATIONS, 'tart', 'allowed-volumes'];
  if (draft.has(rules) && draft.get(rules) === null) {
    draft.note(
      rules.join('.'),
      'without a value it allowed no volume, and is refused here; taken out, which means the same',
    );
    draft.remove(rules);
  }
  volumes(draft, rules);
}

const COMMON = ['image', 'user', 'password', 'port', 'cpu', 'memory'];

export function standby(draft: Draft): void {
  if (!draft.has(['standby'])) return;
  draft.note('standby', 'is made in the background: polling goes on meanwhile, also when it fails');
  draft.removeUnknown(['standby'], ['isolation', 'resources', 'warmup', 'tart', 'vetu']);
  draft.removeUnknown(['standby', 'warmup'], ['script', 'timeout']);
  for (const at of [['standby'], ['standby', 'isolation']]) {
    draft.removeUnknown([...at, 'tart'], [...COMMON, 'softnet', 'display', 'volumes']);
    draft.removeUnknown([...at, 'vetu'], [...COMMON, 'networking', 'disk_size']);
    for (const index of draft.keysOf([...at, 'tart', 'volumes']))
      draft.removeUnknown([...at, 'tart', 'volumes', index as never], ['name', 'source', 'target', 'readonly']);
    if (draft.has([...at, 'vetu']) && draft.has(['standby', 'warmup']))
      draft.note('standby.warmup', 'runs in machines of Vetu too; before, it was ignored there');
  }
}

export function prePull(draft: Draft): void {
  if (!draft.has(['tart-pre-pull'])) return;
  draft.removeUnknown(['tart-pre-pull'], ['images', 'check-interval', 'jitter']);
  draft.note('tart-pre-pull', 'runs on its own; before, only while a standby was being made');
}

export function modifiers(draft: Draft): void {
  for (const index of draft.keysOf(['resource-modifiers']))
    draft.removeUnknown(['resource-modifiers', index as never], ['match', 'append']);
  if (draft.keysOf(['resource-modifiers']).length > 0)
    draft.note('resource-modifiers', 'are taken by machines of Vetu alone and given back on every path');
}
