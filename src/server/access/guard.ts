/** What a request must pass before it is read. */
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { ApiError, shuttingDown } from '../api-error.ts';
import type { AppEnv } from '../app-env.ts';
import type { Service } from '../service.ts';

/**
 * That the Host header is one of ours. A page of another site can point its own name at this machine (DNS rebinding); then
 * the browser takes us for that site, but still sends its name.
 */
export function hostGuard({ allowedHosts }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const host = (c.req.header('host') ?? '').replace(/:\d+$/, '').toLowerCase();
    if (allowedHosts !== null && !allowedHosts.includes(host)) {
      throw new ApiError(
        403,
        'host_not_allowed',
        `This server does not answer as ${JSON.stringify(host.slice(0, 100))}. Start it with --allow-host NAME if that name is right.`,
      );
    }
    await next();
  };
}

/** CORS for the origins of the allow list; without one no header is sent, and browsers let no other site's page in. */
export function corsGuard({ corsOrigins }: Service): MiddlewareHandler<AppEnv> {
  if (corsOrigins.length === 0) return (_, next) => next();
  return cors({
    origin: corsOrigins.includes('*') ? '*' : [...corsOrigins],
    allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowHeaders: ['authorization', 'content-type', 'x-request-id'],
    exposeHeaders: ['x-request-id', 'retry-after', 'x-ratelimit-limit-requests'],
    maxAge: 600,
  });
}

/** An API key, where the server has any. */
export function keyGuard({ keys }: Service): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (keys !== null) {
      const owner = keys.ownerOf(c.req.header('authorization'));
      if (owner === null) {
        c.header('www-authenticate', 'Bearer');
        throw new ApiError(
          401,
          'invalid_api_key',
          'Send one of this server\'s API keys: "Authorization: Bearer KEY".',
        );
      }
      c.var.scope.owner = owner;
    }
    await next();
  };
}

/** The end of the server, and the rate of one key. */
export function rateGuard(service: Service): MiddlewareHandler<AppEnv> {
  return async (c: Context<AppEnv>, next) => {
    if (service.isDraining) throw shuttingDown();
    const { rateLimit } = service;
    if (rateLimit !== null) {
      c.header('x-ratelimit-limit-requests', String(rateLimit.perMinute));
      const retryAfter = rateLimit.take(c.var.scope.owner);
      if (retryAfter !== null) {
        throw new ApiError(
          429,
          'rate_limit_exceeded',
          `More than ${rateLimit.perMinute} requests a minute. Try again in ${retryAfter} s.`,
          { retryAfter },
        );
      }
    }
    await next();
  };
}
