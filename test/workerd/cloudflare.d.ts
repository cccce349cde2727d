/** Tells the runtime's types what the Worker under test is bound to and exports. */
declare namespace Cloudflare {
  interface Env extends RelayEnv {}
  interface GlobalProps {
    mainModule: typeof import('../../worker/index.ts')
    durableNamespaces: 'Share' | 'Registry'
  }
}

type RelayEnv = import('../../worker/env.ts').Env
