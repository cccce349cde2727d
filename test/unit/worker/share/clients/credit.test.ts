import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CHANNEL_WINDOW_BYTES } from '../../../../../protocol/limits.ts'
import { CreditLedger } from '../../../../../worker/share/clients/credit.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const HALF = CHANNEL_WINDOW_BYTES / 2
const WITHHELD = { ch: 'g.1', at: 1000 }

describe('CreditLedger', () => {
  test('grants up to a window beyond what was sent, less what clients owe', () => {
    const ledger = new CreditLedger<object>()
    ledger.add({}, 'g', 100)
    ledger.add({}, 'other', HALF)
    expect(ledger.ask('g', WITHHELD)).toEqual({ ch: 'g.1', upto: 1000 + CHANNEL_WINDOW_BYTES - 100 })
  })

  test('withholds while a group owes more than half a window, and grants with the payment that changes that', () => {
    verifies('promise.10.credit')
    const ledger = new CreditLedger<object>()
    const debtor = {}
    ledger.add(debtor, 'g', HALF + 2)
    expect(ledger.ask('g', WITHHELD)).toBeUndefined()
    expect(ledger.settle(debtor, 1)).toBeUndefined()
    expect(ledger.withheld('g')).toEqual(WITHHELD)
    expect(ledger.settle(debtor, 1)).toEqual({ ch: 'g.1', upto: 1000 + HALF })
    expect(ledger.withheld('g')).toBeUndefined()
    expect(ledger.settle(debtor)).toBeUndefined()
    expect(ledger.bytes).toBe(0)
  })

  test('takes what a debtor pays off the group that it owes to first, whichever child its bytes came from', () => {
    const ledger = new CreditLedger<object>()
    const debtor = {}
    ledger.add(debtor, 'g', 1)
    ledger.add(debtor, 'other', HALF + 1)
    expect(ledger.owesTooMuch(debtor)).toBe(true)
    expect(ledger.ask('g', WITHHELD)).toBeUndefined()
    expect(ledger.settle(debtor)).toEqual({ ch: 'g.1', upto: 1000 + CHANNEL_WINDOW_BYTES })
    expect([ledger.bytes, ledger.owesTooMuch(debtor)]).toEqual([0, false])
  })

  test('knows who owes most, and what all owe', () => {
    const ledger = new CreditLedger<object>()
    const [small, large] = [{}, {}]
    expect(ledger.largest()).toBeUndefined()
    ledger.add(small, 'g', 1)
    ledger.add(large, 'h', 3)
    expect([ledger.largest(), ledger.bytes]).toEqual([large, 4])
    ledger.settle(large)
    expect([ledger.largest(), ledger.bytes]).toEqual([small, 1])
  })

  test('goes on where it stood when debts are restored after sleep', () => {
    const ledger = new CreditLedger<object>()
    const debtor = {}
    ledger.restore(debtor, 'g', HALF + 1, WITHHELD)
    expect(ledger.owedBy(debtor)).toBe(HALF + 1)
    expect(ledger.settle(debtor)).toEqual({ ch: 'g.1', upto: 1000 + CHANNEL_WINDOW_BYTES })
  })

  test('knows at any time what each debtor, each group and all owe, however much they pay', () => {
    const debtors = [{ group: 'g' }, { group: 'g' }, { group: 'h' }] as const
    const step = fc.record({ who: fc.nat(debtors.length - 1), bytes: fc.nat(1000), pays: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ledger = new CreditLedger<object>()
        const owed = debtors.map(() => 0)
        for (const { who, bytes, pays } of steps) {
          const debtor = debtors[who]
          if (debtor === undefined) throw new Error('no such debtor')
          if (pays) ledger.settle(debtor, bytes)
          else ledger.add(debtor, debtor.group, bytes)
          owed[who] = Math.max(0, (owed[who] ?? 0) + (pays ? -bytes : bytes))
          expect(debtors.map((each) => ledger.owedBy(each))).toEqual(owed)
          expect(ledger.bytes).toBe(owed.reduce((sum, each) => sum + each, 0))
          expect(ledger.debtsOf('h').map((debt) => debt.bytes)).toEqual(owed[2] === 0 ? [] : [owed[2]])
        }
      }),
    )
  })
})
