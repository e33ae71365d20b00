"""What is taken for a secret, and what is not."""

import pytest

from asr_worker.spoken.rendering import growing, rendered

CARD = "four five three two one one one one two two two two three three three three"


def hidden(text: str, *kinds: str) -> str:
    return rendered(text, "engine", frozenset(kinds)).text


@pytest.mark.parametrize(
    ("kind", "said", "shown"),
    [
        ("pci", f"my card is {CARD} thank you all", "my card is [CREDIT_CARD] thank you all"),
        ("pci", "it says 4532 1111 2222, 3333. right here", "it says [CREDIT_CARD]. right here"),
        ("pci", "it says 4532-1111-2222-3333, you see", "it says [CREDIT_CARD], you see"),
        ("pci", "I have forty five thirty two eleven eleven 2222 and uh 33 33 here",
         "I have [CREDIT_CARD] here"),
        ("pci", "the card number, wait, is four five three two and then me",
         "the card number, wait, is [CREDIT_CARD] and then me"),
        ("pci", "the security code is one two three on it", "the security code is [CVV] on it"),
        ("pci", "the CVV, I see, 1234 there", "the CVV, I see, [CVV] there"),
        ("pci", "it expires in oh five twenty six I think", "it expires in [EXPIRY] I think"),
        ("pci", "security code 123, expires 05/26, fine with me",
         "security code [CVV], expires [EXPIRY], fine with me"),
        ("pci", "it is 4. 5. 3. 2. 1. 1. 1. 1. 2. 2. 2. 2. 3. 3. 3. 3. Thank you.",
         "it is [CREDIT_CARD]. Thank you."),
        ("pci", "My security code is 4. 5. 3. Thanks.", "My security code is [CVV]. Thanks."),
        ("numbers", "We need 4. 5. 3. 2. 1. Thank you.", "We need [NUMBER]. Thank you."),
        ("ssn", "My social is 1. 2. 3. 4. 5. 6. 7. 8. 9. Okay.", "My social is [SSN]. Okay."),
        ("phone", "Call 5. 5. 5. 1. 2. 3. 4. 5. 6. 7. today", "Call [PHONE]. today"),
        ("pci", "I called 555 123 4567 twice", "I called 555 123 4567 twice"),
        ("pci", "I have 42 cats", "I have 42 cats"),
        ("pci", "four five three two", "[NUMBER]"),
        ("pci", "it's four five three two.", "it's [NUMBER]."),
        ("pci", "forty two", "[NUMBER]"),
        ("pci", "Yes, 4.", "Yes, [NUMBER]."),
        ("pci", "I am forty two", "I am forty two"),
        ("pci", "room 101", "room [NUMBER]"),
        ("pci", "101 rooms", "[NUMBER] rooms"),
        ("numbers", "we need 101 rooms", "we need [NUMBER] rooms"),
        ("numbers", "we need one hundred and one rooms", "we need [NUMBER] rooms"),
        ("numbers", "we need 12 rooms", "we need 12 rooms"),
        ("numbers", "code AB123X is mine", "code [NUMBER] is mine"),
        ("numbers", "I paid $4,532.10 for it", "I paid [NUMBER] for it"),
        ("numbers", "it is double oh seven for me", "it is [NUMBER] for me"),
        ("ssn", "I said 123-45-6789 to him", "I said [SSN] to him"),
        ("ssn", "one two three, four five, six seven eight nine is it or so",
         "[SSN] is it or so"),
        ("ssn", "my social ends in six seven eight nine you see",
         "my social ends in [SSN] you see"),
        ("ssn", "order 12345 came", "order 12345 came"),
        ("phone", "call five five five one two three four five six seven today",
         "call [PHONE] today"),
        ("phone", "call me: 555-1234, would you", "call me: [PHONE], would you"),
        ("phone", "I saw 5551234 birds", "I saw 5551234 birds"),
        ("phone", "it is +44 20 7946 0958 there", "it is [PHONE] there"),
        ("iban", "send it to DE89 3704 0044 0532 0130 00 today", "send it to [IBAN] today"),
        ("iban", "send it to GB29 NWBK 6016 1331 9268 19 today", "send it to [IBAN] today"),
        ("iban",
         "D E eight nine three seven oh four oh oh four four oh five three two oh one three oh oh"
         " oh is what I have",
         "[IBAN] is what I have"),
        ("iban", "delta echo 89 3704 0044 0532 0130 00 she said", "[IBAN] she said"),
        ("iban", "the IBAN begins with 3704 I think", "the IBAN begins with [IBAN] I think"),
        ("email", "write to john.smith@example.com please", "write to [EMAIL] please"),
        ("email", "john dot smith at example dot com is mine", "[EMAIL] is mine"),
        ("email", "my email is john smith at example dot com and so on",
         "my email is [EMAIL] and so on"),
        ("email", "my email address is john at gmail", "my email address is [EMAIL]"),
        ("email", "j o h n s m i t h", "[EMAIL]"),
        ("email", "at gmail dot com", "[EMAIL]"),
        ("email", "meet me at the office", "meet me at the office"),
        ("email", "I need a plan b", "I need a plan b"),
        ("email", "my number is 4532", "my number is 4532"),
    ],
)  # fmt: skip
def test_a_secret_gets_a_mask(kind, said, shown):
    assert hidden(said, kind) == shown


def test_what_is_hidden_is_counted_without_words():
    kinds = frozenset({"pci", "phone"})
    text = (
        f"{CARD} and me, the cvv 123 he said, and call 555 123 4567 or +1 212 555 0199 to be sure"
    )
    found = [mask.entity for mask in rendered(text, "digits", kinds).hidden]
    assert sorted(found) == ["CREDIT_CARD", "CVV", "PHONE", "PHONE"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("mine is 4556 7375 8689 9855 here", "mine is [CREDIT_CARD:9855] here"),
        ("mine is 4556 7375 8689 9854 here", "mine is [CREDIT_CARD] here"),
        ("mine is 4556 7375 8689 and", "mine is [CREDIT_CARD] and"),
        ("my security code is 123 here", "my security code is [CVV] here"),
        ("call five five five one two three four five six seven today", "call [PHONE:4567] today"),
        ("my social is 123 45 6789 here", "my social is [SSN:6789] here"),
        ("my social ends in 6789 here", "my social ends in [SSN] here"),
    ],
)
def test_the_last_digits_of_a_whole_number_may_be_shown(said, shown):
    kinds = frozenset({"pci", "phone", "ssn"})
    assert rendered(said, "engine", kinds, form="last4").text == shown


def test_one_kind_alone_leaves_others():
    text = "call 555 123 4567 or write to a@b.com today"
    assert hidden(text, "email") == "call 555 123 4567 or write to [EMAIL] today"
    assert hidden(text, "phone") == "call [PHONE] or write to a@b.com today"


@pytest.mark.parametrize(
    ("said", "stable", "shown"),
    [
        ("my card is four", 0, "my card is four"),
        ("my card is four five", 0, "my card is [...]"),
        ("my card is 4", 0, "my card is [...]"),
        ("four", 0, "[...]"),
        ("I called 555 123 4567 twice", 0, "I called [...] twice"),
        ("I called 555 123 4567 twice", 27, "I called 555 123 4567 twice"),
    ],
)
def test_a_number_is_hidden_until_it_is_judged(said, stable, shown):
    assert growing(said, stable, "engine", frozenset({"pci"})).text == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("write to john", "write to"),
        ("write to john dot", "write to [...]"),
        ("write to john dot smith at", "write to [...]"),
        ("my email is john smith at example", "my email [...]"),
        ("write to a@b.com", "write to [...]"),
        ("spell it j o h", "spell [...]"),
    ],
)
def test_an_address_is_hidden_while_it_is_said(said, shown):
    assert growing(said, 0, "engine", frozenset({"email"})).text == shown
