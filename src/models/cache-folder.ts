import { homedir, platform as osPlatform } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** What {@link cacheFolder} looks at; the real machine by default. */
export interface CacheFolderPlace {
  readonly env?: NodeJS.ProcessEnv;
  readonly platform?: NodeJS.Platform;
  readonly home?: string;
}

/**
 * The folder that pulled models live in. It may not exist yet.
 *
 * First that applies: `$KVSTEER_CACHE`; `$XDG_CACHE_HOME/kvsteer` (absolute paths only, as the XDG specification
 * says); macOS `~/Library/Caches/kvsteer`; Windows `%LOCALAPPDATA%\kvsteer`; `~/.cache/kvsteer`.
 */
export function cacheFolder(place: CacheFolderPlace = {}): string {
  const env = place.env ?? process.env;
  const platform = place.platform ?? osPlatform();
  const home = place.home ?? homedir();
  if (env.KVSTEER_CACHE) return env.KVSTEER_CACHE;
  const xdg = env.XDG_CACHE_HOME;
  if (xdg && isAbsolute(xdg)) return join(xdg, 'kvsteer');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'kvsteer');
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'kvsteer');
  return join(home, '.cache', 'kvsteer');
}
