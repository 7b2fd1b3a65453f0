import type { Metadata } from './metadata.ts';

/** The instance's `Name` tag without spaces around it; undefined where it is absent, empty or cannot be read. */
export async function readNameTag(metadata: Pick<Metadata, 'tag'>, signal: AbortSignal): Promise<string | undefined> {
  const tag = await metadata.tag('Name', signal);
  const text = tag.ok && tag.value.present ? tag.value.value.trim() : '';
  return text === '' ? undefined : text;
}
