import type { HttpBindings } from '@hono/node-server';
import type { RequestScope } from './request-scope.ts';

/** What Hono's context carries. */
export interface AppEnv {
  /** Only over a socket. */
  readonly Bindings: Partial<HttpBindings>;
  readonly Variables: { readonly scope: RequestScope };
}
