import { type Document, isMap, isScalar, isSeq } from 'yaml';

type Path = readonly (string | number)[];

/** A file on its way to what it means here: the document, and what was said about it. Comments stay. */
export class Draft {
  readonly notes: string[] = [];

  constructor(private readonly document: Document) {}

  note(key: string, says: string): void {
    this.notes.push(`${key}: ${says}`);
  }

  has(path: Path): boolean {
    return this.document.hasIn(path);
  }

  /** The value at a path as plain data; undefined where there is none. */
  get(path: Path): unknown {
    const node = this.document.getIn(path, true);
    return isMap(node) || isSeq(node) || isScalar(node) ? node.toJS(this.document) : undefined;
  }

  /** Keys of a map and how many items a list has; empty for anything else. */
  keysOf(path: Path): (string | number)[] {
    const node = this.document.getIn(path, true);
    if (isSeq(node)) return node.items.map((_, index) => index);
    return isMap(node) ? node.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
  }

  set(path: Path, value: unknown): void {
    this.document.setIn(path, this.document.createNode(value));
  }

  remove(path: Path): void {
    this.document.deleteIn(path);
  }

  /** Removes what the old worker did not look at and this one refuses. */
  removeUnknown(path: Path, known: readonly string[]): void {
    for (const key of this.keysOf(path)) {
      if (known.includes(String(key))) continue;
      this.note([...path, key].join('.'), 'was ignored, and is refused here; taken out');
      this.remove([...path, key]);
    }
  }
}
