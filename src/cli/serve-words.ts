import type { RunningServer } from '../server/start-server.ts';

/** What `kvsteer serve` says once it listens: where, which vectors, and something to try. */
export function serveWords(
  { url, service: { modelName } }: Pick<RunningServer, 'url' | 'service'>,
  vectors: readonly string[],
  { host, apiKeys }: { readonly host: string; readonly apiKeys: readonly string[] },
): string[] {
  // An address that means every one is none to connect to.
  const reachable = url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  const preferred = vectors.includes('stepwise') ? 'stepwise' : vectors[0];
  const body = {
    model: preferred === undefined ? modelName : `${modelName}+${preferred}`,
    temperature: 0,
    messages: [
      {
        role: 'user',
        content:
          'Tom fills 3 boxes with 40 pens in each. Then he finds another 51 pens. How many pens does Tom have in the end?',
      },
    ],
  };
  const key = apiKeys.length > 0 ? ' -H "Authorization: Bearer $KVSTEER_API_KEY"' : '';
  const listed =
    vectors.length > 0 ? vectors.slice(0, 8).join(', ') + (vectors.length > 8 ? ', ...' : '') : 'none yet';
  const isOpen = apiKeys.length === 0 && !['127.0.0.1', 'localhost', '::1'].includes(host);
  return [
    `${modelName} is served at ${reachable}/v1 (vectors: ${listed})`,
    ...(isOpen ? ['Anyone who can reach this port can use it: it was started without API keys.'] : []),
    `Try: curl ${reachable}/v1/chat/completions -H 'Content-Type: application/json'${key} -d '${JSON.stringify(body)}'`,
  ];
}
