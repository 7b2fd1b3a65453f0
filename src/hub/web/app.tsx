import { useEffect, useState } from 'preact/hooks';
import { BuildPage } from './build-page.tsx';
import { BuildsPage } from './builds-page.tsx';
import { type Connection, saveToken } from './hub-api.ts';
import { pathOf, type Route, routeOf } from './route.ts';
import { TokenForm } from './token-form.tsx';
import { WorkersPage } from './workers-page.tsx';

/** What every view gets. */
export interface ViewProps {
  readonly go: (route: Route) => void;
  readonly onConnection: (connection: Connection) => void;
}

function View({ route, ...props }: ViewProps & { readonly route: Route }) {
  switch (route.view) {
    case 'builds':
      return <BuildsPage {...props} />;
    case 'workers':
      return <WorkersPage {...props} />;
    case 'build':
      return <BuildPage key={route.buildId} buildId={route.buildId} taskId={route.taskId} {...props} />;
  }
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <rect width="32" height="32" rx="8" class="mark" />
      <path d="M9 11l5 5-5 5M17 21h7" class="mark-line" />
    </svg>
  );
}

function Header({ route, connection, go }: { route: Route; connection: Connection; go: ViewProps['go'] }) {
  const link = (target: Route, text: string, current: boolean) => (
    <a
      href={pathOf(target)}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        event.preventDefault();
        go(target);
      }}
    >
      {text}
    </a>
  );
  return (
    <header class="bar">
      <span class="brand">
        <Mark /> pwagent
      </span>
      <nav>
        {link({ view: 'builds' }, 'Builds', route.view !== 'workers')}
        {link({ view: 'workers' }, 'Workers', route.view === 'workers')}
      </nav>
      {connection.state === 'away' && <span class="away">hub away, trying again…</span>}
    </header>
  );
}

export function App() {
  const [route, setRoute] = useState<Route>(() => routeOf(location.pathname));
  const [connection, setConnection] = useState<Connection>({ state: 'connecting' });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const onMove = () => setRoute(routeOf(location.pathname));
    addEventListener('popstate', onMove);
    return () => removeEventListener('popstate', onMove);
  }, []);

  const go = (next: Route) => {
    history.pushState(null, '', pathOf(next));
    setRoute(next);
  };
  const unlock = (token: string) => {
    saveToken(token);
    setConnection({ state: 'connecting' });
    setAttempt(attempt + 1);
  };
  return (
    <>
      <Header route={route} connection={connection} go={go} />
      <main>
        {connection.state === 'locked' && <TokenForm message={connection.message} onToken={unlock} />}
        {connection.state === 'refused' && <p class="empty">{connection.message}</p>}
        <View key={attempt} route={route} go={go} onConnection={setConnection} />
      </main>
    </>
  );
}
