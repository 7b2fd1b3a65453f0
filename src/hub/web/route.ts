/** What the page shows, as its address says. */
export type Route =
  | { readonly view: 'builds' }
  | { readonly view: 'workers' }
  | { readonly view: 'build'; readonly buildId: string; readonly taskId: string | undefined };

export function routeOf(path: string): Route {
  if (path === '/workers') return { view: 'workers' };
  const match = /^\/builds\/([^/]+)(?:\/tasks\/([^/]+))?$/.exec(path);
  if (match?.[1] === undefined) return { view: 'builds' };
  const taskId = match[2] === undefined ? undefined : decodeURIComponent(match[2]);
  return { view: 'build', buildId: decodeURIComponent(match[1]), taskId };
}

export function pathOf(route: Route): string {
  if (route.view !== 'build') return route.view === 'workers' ? '/workers' : '/';
  const build = `/builds/${encodeURIComponent(route.buildId)}`;
  return route.taskId === undefined ? build : `${build}/tasks/${encodeURIComponent(route.taskId)}`;
}
