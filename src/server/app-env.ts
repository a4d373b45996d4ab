import type { RequestScope } from './request-scope.ts';

/** What Hono's context carries. */
export interface AppEnv {
  readonly Variables: { readonly scope: RequestScope };
}
