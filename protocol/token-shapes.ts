/** Tokens and keys that are known for such by their shape, whoever has issued them: each is matched whole, also where it is cut off at the end. Pure. */

/** Prefixes by which issuers mark their tokens: GitHub, GitLab, Slack, Google, OpenAI, Anthropic, Stripe, npm, PyPI, Hugging Face, Docker, DigitalOcean, Shopify, SendGrid, Grafana, Vault and others. */
const PREFIXES = [
  'gh[pousr]_|github_pat_|gl(?:pat|ptt|dt|rt|cbt|ft|ffct|soat|imt|agent|oas)-',
  'xox[a-z](?:\\.xox[a-z])?-|xapp-|AIza|ya29\\.|GOCSPX-|1//0',
  'sk-|sk_|pk_|rk_|whsec_|npm_|pypi-|hf_|dckr_(?:pat|oat)_|do[opr]_v1_|shp(?:at|ca|pa|ss)_|SG\\.|gl(?:sa|c)_',
  'hv[sbr]\\.|lin_api_|ntn_|figd_|xai-|gsk_|r8_|pplx-|tvly-|ATATT3|ATCTT3|AGE-SECRET-KEY-|sq0[a-z]{3}-',
]

/** Behind a letter or digit no token begins. */
const START = '(?<![A-Za-z\\d])'

export const TOKEN_SHAPES: readonly RegExp[] = [
  /-{4,5} ?BEGIN [A-Z\d ]*PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:[\s\S]*?-{4,5} ?END [A-Z\d ]*PRIVATE KEY(?: BLOCK)? ?-{4,5}|[\s\S]*)/g,
  /(?<=\bPrivate-Lines: \d+\s)[\s\S]+?(?=\sPrivate-MAC:|$)/g,
  // JSON Web Tokens, and what this relay seals: a header in base64url begins so.
  new RegExp(`${START}eyJ[\\w-]{12,}(?:[.~][\\w-]*)*`, 'g'),
  new RegExp(`${START}mcpe_owner_[\\w-]{8,}`, 'g'),
  // Path keys, access codes of people and claim codes of this relay.
  /(?<=\/k\/)[a-z2-7][\w~-]{15,}/g,
  /(?<![\w-])[a-z2-7]{4}(?:-[a-z2-7]{4}){5}(?![\w-])/gi,
  /(?<![\w-])[a-z2-7]{26}-[\w-]{22}(?![\w-])/g,
  new RegExp(`${START}(?:${PREFIXES.join('|')})[\\w.-]{12,}`, 'g'),
  new RegExp(`${START}(?:AKIA|ASIA|ABIA|ACCA)[A-Z\\d]{12,}`, 'g'),
  // Webhooks and bots, whose URL or text is all that is needed to write: Slack, Discord, Telegram.
  /(?<=hooks\.slack\.com\/[a-z]{1,12}\/)[\w/]{8,}/g,
  /(?<=discord(?:app)?\.com\/api\/webhooks\/\d{1,24}\/)[\w-]{8,}/g,
  /(?<![\w-])\d{8,12}:[\w-]{35}(?![\w-])/g,
]
