/** Files that this process and its children make from now on are for their owner alone, unless a mode is set. */
export function keepNewFilesPrivate(): void {
  process.umask(0o077);
}
