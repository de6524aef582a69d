"""Words and phrases that say how something is said: to whom, how surely, how concretely.

The lists are common knowledge about spoken language, written by hand; English is the fullest, five other
languages have the kinds that matter most, and in any other language the signals that need no list remain.
A phrase is lower-case words with single spaces.
"""

from collections.abc import Mapping
from types import MappingProxyType

Kinds = Mapping[str, frozenset[str]]


def _phrases(text: str) -> frozenset[str]:
    """Phrases divided by commas or ends of lines."""
    return frozenset(
        phrase.strip() for line in text.splitlines() for phrase in line.split(",") if phrase.strip()
    )


def _words(text: str) -> frozenset[str]:
    """Words divided by spaces."""
    return frozenset(text.split())


_ENGLISH = {
    "you": "you, your, yours, yourself, you're, you've, you'll, you'd, yourselves",
    "first person": "i, me, my, mine, myself, i'm, i've, i'll, i'd",
    "we": "we, us, our, ours, we're, we've, we'll, we'd, let's",
    "filler": """um, uh, er, erm, you know, i mean, kind of, sort of, yeah, like, basically, stuff
        whatever, i guess, and so on, et cetera, a little bit, or something, okay, right""",
    "backchannel": """yeah, yes, okay, ok, right, sure, exactly, absolutely, totally, mm-hmm, mhm, uh-huh
        wow, got it, i see, cool, great, awesome, thank you, thanks, no, oh, hmm, nice, interesting
        makes sense""",
    "anaphor": """and, but, so, because, or, then, also, that, this, it, it's, that's, he, she, they
        they're, those, these, which, yeah, yes, no, right, okay, exactly, well, um, uh, like, he's, she's
        there, too, again, anyway, plus, though, otherwise, same, his, her, their, him, them, i mean
        you know, oh, and so""",
    "contrast": """but, however, actually, instead, although, whereas, rather, turns out, in fact
        in reality, the problem is, the thing is, the truth is, most people, people think, nobody, no one
        everyone thinks, the opposite, not because, it's not, it turns out, contrary, the mistake, wrong
        myth, surprisingly, ironically, paradox, counterintuitive, unlike, the reason, even though
        end of the day, the biggest, the only, the best, the worst, the hardest
        what people, rarely""",
    "advice": """you have to, you need to, you should, you must, you want to, you can, don't, never, always
        make sure, the key, the secret, the trick, the best way, the first thing, one thing, my advice
        advice, lesson, what matters, focus on, start with, stop, if you, when you, try to, learn
        the way to, how to, remember, rule, principle, framework, the point is, the goal, the question is
        should""",
    "emotion": """love, hate, fear, afraid, scared, crazy, insane, amazing, incredible, terrible, awful
        worst, best, biggest, huge, shocked, shocking, surprised, surprising, dead, death, die, died, kill
        killed, fail, failed, failure, mistake, secret, truth, lie, lies, beautiful, painful, pain, hard
        wild, magic, dream, dreams, regret, cry, cried, laugh, joy, happy, happiness, sad, angry, proud
        brave, courage, danger, dangerous, suffering, hope, struggle, lonely, embarrassing, shame, war, hell
        god, evil, power, powerful, wonder, extraordinary, brilliant, genius, ridiculous, massive, obsessed
        passion, hurt, broken""",
    "big": """people, person, life, lives, world, human, humans, humanity, society, history, future
        country, money, success, successful, company, companies, business, career, mind, brain, culture
        leader, leaders, power, freedom, everyone, everybody, every, anyone, anybody, nobody, never, always
        most, all, entire, whole, great, create, build, change, idea, ideas, problem, problems, meaning
        purpose, values, trust, truth, technology, science, intelligence, universe, nature, family, children
        kids, team, work, job, thing that""",
    "story": """i remember, one day, one time, years ago, when i was, i was like, he said, she said
        they said, i said, told me, the story, story, the first time, at that time, back then, that night
        that day, suddenly, at the time, i realized, we realized, i learned, ended up, happened
        in the beginning""",
    "number": """hundred, hundreds, thousand, thousands, million, millions, billion, billions, trillion
        percent, zero, ten, twenty, thirty, forty, fifty, half, double, twice, times more, times better""",
    "sponsor": """brought to you by, sponsor, sponsors, sponsored, promo code, discount code, use code
        use the code, free trial, percent off, sign up at, this episode is, check out the link
        today's sponsor, dot com slash, our partners, limited time, coupon, money back, get started today
        visit""",
    "housekeeping": """subscribe, this podcast, the podcast, episode, the show, welcome to
        thank you for being, thanks for being, thank you so much, thanks so much, listeners, show notes
        link in the description, where can people find, where can folks find, find you online
        leave a review, rating, newsletter, follow me, see you next, thanks for listening
        thank you for listening, conversation with, dear friends, lightning round, next question, let me ask
        last question, final question, before you go, bye, my guest, twitter, linkedin, website
        email me, come on the""",
    "vague": """thing, things, something, stuff, somehow, somewhere, whatever, someone, maybe, probably
        perhaps""",
}
_GERMAN = {
    "you": "du, dich, dir, dein, deine, deinen, ihr, euch, euer, sie, ihnen, man",
    "first person": "ich, mich, mir, mein, meine, meinen",
    "we": "wir, uns, unser, unsere",
    "filler": "äh, ähm, halt, eben, irgendwie, sozusagen, quasi, genau, ne, also",
    "backchannel": "ja, nein, genau, okay, ok, klar, gut, super, danke, mhm, ach",
    "anaphor": """und, aber, also, weil, oder, dann, das, dies, es, er, sie, die, der, ja, nein, genau, da
        dabei, deshalb""",
    "contrast": "aber, sondern, obwohl, eigentlich, tatsächlich, stattdessen, das problem ist, die wahrheit",
    "advice": """du musst, man muss, du solltest, sollte, niemals, nie, immer, der schlüssel, wichtig ist
        wenn du""",
    "emotion": """liebe, hass, angst, verrückt, unglaublich, furchtbar, schrecklich, beste, schlimmste, tot
        fehler, traum""",
    "big": """menschen, leben, welt, zukunft, geld, erfolg, alle, jeder, niemand, immer, gesellschaft, idee
        problem""",
    "number": "hundert, tausend, million, millionen, milliarde, milliarden, prozent, hälfte, doppelt",
    "sponsor": "gesponsert, sponsor, rabattcode, gutschein, partner dieser folge, mit dem code",
    "housekeeping": """abonniert, abonnieren, diese folge, diesem podcast, willkommen, shownotes
        newsletter, tschüss""",
}
_SPANISH = {
    "you": "tú, te, ti, tu, tus, usted, ustedes, vosotros, vuestra, vuestro",
    "first person": "yo, me, mi, mis, mí, mío",
    "we": "nosotros, nos, nuestra, nuestro",
    "filler": "eh, este, o sea, pues, digamos, bueno, como que, ¿no",
    "backchannel": "sí, no, claro, vale, ok, exacto, gracias, bueno, ajá, ya",
    "anaphor": """y, pero, entonces, porque, o, eso, esto, él, ella, ellos, sí, no, claro, bueno, pues, así
        también, además""",
    "contrast": "pero, sin embargo, en realidad, sino, aunque, el problema es, la verdad, la verdad es",
    "advice": """tienes que, hay que, debes, deberías, nunca, siempre, la clave, lo importante, si tú
        cuando tú""",
    "emotion": """amor, odio, miedo, loco, increíble, terrible, peor, mejor, muerte, error, secreto, sueño
        dolor""",
    "big": """gente, personas, vida, mundo, humano, futuro, dinero, éxito, todos, nadie, siempre, sociedad
        idea, problema""",
    "number": "cien, mil, millón, millones, por ciento, mitad, doble",
    "sponsor": "patrocinado, patrocinador, código de descuento, prueba gratis",
    "housekeeping": """suscríbete, suscribirse, este episodio, este podcast, bienvenidos, boletín
        hasta la próxima""",
}
_FRENCH = {
    "you": "tu, te, toi, ton, ta, tes, vous, votre, vos",
    "first person": "je, me, moi, mon, ma, mes, j'ai, j'étais",
    "we": "nous, notre, nos, on",
    "filler": "euh, ben, bah, quoi, genre, en fait, du coup, voilà, hein",
    "backchannel": "oui, non, ouais, d'accord, ok, voilà, merci, exactement, super",
    "anaphor": """et, mais, donc, parce, ou, alors, ça, cela, ce, c'est, il, elle, ils, elles, oui, non
        voilà, du coup, aussi""",
    "contrast": """mais, cependant, pourtant, au contraire, en réalité, le problème, la vérité, alors que
        bien que""",
    "advice": "il faut, tu dois, vous devez, jamais, toujours, la clé, le secret, si tu, si vous",
    "emotion": """amour, haine, peur, fou, incroyable, terrible, pire, meilleur, mort, erreur, secret, rêve
        douleur""",
    "big": """gens, vie, monde, humain, avenir, argent, succès, tous, personne, toujours, société, idée
        problème""",
    "number": "cent, mille, million, millions, milliard, milliards, pour cent, moitié, double",
    "sponsor": "sponsorisé, sponsor, code promo, essai gratuit",
    "housekeeping": "abonnez-vous, cet épisode, ce podcast, bienvenue, newsletter, à la prochaine",
}
_PORTUGUESE = {
    "you": "você, vocês, tu, te, teu, tua, seu, sua",
    "first person": "eu, me, mim, meu, minha",
    "we": "nós, nos, nosso, nossa, a gente",
    "filler": "né, tipo, assim, então, quer dizer, hum, ah",
    "backchannel": "sim, não, claro, tá, ok, exato, obrigado, obrigada, isso, aham",
    "anaphor": "e, mas, então, porque, ou, isso, isto, ele, ela, eles, sim, não, aí, também, daí",
    "contrast": "mas, porém, na verdade, em vez, embora, o problema é, a verdade",
    "advice": """você tem que, precisa, deve, deveria, nunca, sempre, o segredo, o importante, se você
        quando você""",
    "emotion": "amor, ódio, medo, louco, incrível, terrível, pior, melhor, morte, erro, segredo, sonho, dor",
    "big": """pessoas, vida, mundo, humano, futuro, dinheiro, sucesso, todos, ninguém, sempre, sociedade
        ideia, problema""",
    "number": "cem, mil, milhão, milhões, bilhão, bilhões, por cento, metade, dobro",
    "sponsor": "patrocinado, patrocinador, cupom, código de desconto",
    "housekeeping": "inscreva-se, este episódio, este podcast, bem-vindos, até a próxima",
}
_ITALIAN = {
    "you": "tu, te, ti, tuo, tua, tuoi, voi, vi, vostro",
    "first person": "io, mi, me, mio, mia, miei",
    "we": "noi, ci, nostro, nostra",
    "filler": "ehm, cioè, insomma, diciamo, praticamente, tipo, boh",
    "backchannel": "sì, no, certo, ok, esatto, grazie, va bene, già, ecco",
    "anaphor": """e, ma, quindi, perché, o, questo, quello, lui, lei, loro, sì, no, allora, poi, anche
        però, ecco""",
    "contrast": "ma, però, invece, in realtà, anche se, il problema è, la verità",
    "advice": "devi, bisogna, dovresti, mai, sempre, la chiave, il segreto, se tu, quando tu, l'importante",
    "emotion": """amore, odio, paura, pazzo, incredibile, terribile, peggio, meglio, morte, errore, segreto
        sogno, dolore""",
    "big": """persone, vita, mondo, umano, futuro, soldi, successo, tutti, nessuno, sempre, società, idea
        problema""",
    "number": "cento, mille, mila, milione, milioni, miliardo, miliardi, per cento, metà, doppio",
    "sponsor": "sponsorizzato, sponsor, codice sconto, prova gratuita",
    "housekeeping": "iscrivetevi, questo episodio, questo podcast, benvenuti, alla prossima",
}
_OPENERS = {
    "en": """absolutely, actually, again, alright, also, and, anyway, basically, because, but, er, exactly
        hmm, honestly, just, like, listen, look, no, now, obviously, oh, ok, okay, or, plus, really, right
        so, sure, then, totally, uh, um, well, yeah, yes, all right, i believe, i guess, i mean, i think
        i'd say, kind of, of course, sort of, you know, you see, i feel like, i think that, i would say
        the thing is""",
    "de": """aber, also, dann, genau, gut, ja, naja, nein, oder, okay, und, weil, äh, ähm, ich denke
        ich glaube""",
    "es": "bueno, claro, digamos, eh, entonces, este, no, o, pero, porque, pues, sí, y, creo que, o sea",
    "fr": """alors, bah, ben, donc, et, euh, mais, non, ou, oui, voilà, du coup, en fait, parce que
        je pense que""",
    "pt": "assim, aí, bom, e, então, mas, não, né, ou, porque, sim, tipo, é, eu acho que",
    "it": "allora, beh, cioè, diciamo, e, ehm, insomma, ma, no, o, perché, quindi, sì, credo che, penso che",
}


def _kinds(lists: Mapping[str, str]) -> Kinds:
    return MappingProxyType({kind: _phrases(text) for kind, text in lists.items()})


LEXICONS: Mapping[str, Kinds] = MappingProxyType(
    {
        "en": _kinds(_ENGLISH),
        "de": _kinds(_GERMAN),
        "es": _kinds(_SPANISH),
        "fr": _kinds(_FRENCH),
        "pt": _kinds(_PORTUGUESE),
        "it": _kinds(_ITALIAN),
    }
)
"""Kinds of phrases by language code."""

KINDS = tuple(_ENGLISH)

OPENERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {language: _phrases(text) for language, text in _OPENERS.items()}
)
"""Words at the head of a sentence that a title does without, by language code."""

LOOSE_ENDS = _words(
    """the a an and or but if so of to in on at for with from by is are was were be as that this which who
    than then because when while i you we they he she it my your our their his her not very really just like
    about into have has had do does can could will would should also even only more most some any all no
    there what how why where der die das den dem des ein eine einen einem einer und oder aber wenn von zu im
    am auf für mit dass ist el la los las un una unos unas y o pero si de del al en con por para que es son
    se su sus mi muy más le les une et ou mais du au aux dans avec pour par est sont ce cette qui où ne pas
    très plus os um uma e mas da dos na nos nas com é são eu muito seu sua il lo gli uno ed ma di dei della
    nel nella per è sono che non molto più first think say guess mean know well"""
)
"""Words that no cut title should end on, in the six languages of the lists."""

FIRMLY_LOOSE = _words(
    """the a an and or but if of to at for with from by is are was were be as which who than because when
    while i my your our their very really just like about into also even what how why where first say guess
    mean der die das den dem des ein eine einen einem und oder aber wenn von zu im am für mit dass ist el la
    los las un una y o pero si de del en con por para que es le les une et ou mais du au dans avec pour par
    est qui os um uma e mas do da com é il lo gli di della nel per che"""
)
"""Those of them that not even a whole clause ends on, short of a slip of the tongue."""

HANGING = _words(
    """before after when if than given as of in to for with by from that which who where until while since
    wenn als nach vor mit für von si cuando de en para con por como quand avec pour par quando per da"""
)
"""Words on which half a sentence begins: a title that opens on one hangs in the air."""

STOP_WORDS = _words(
    """the a an and or but if so of to in on at for with from by is are was were be been being am i you he she
    it we they me him her us them my your his its our their this that these those there here as not no do
    does did done doing have has had having will would can could should may might must just really very like
    kind sort know think mean yeah okay right um uh well then than also about into out up down over what
    which who whom when where why how all any some more most other such only own same too don't it's that's
    i'm you're they're we're i've we've you've didn't doesn't can't won't isn't wasn't he's she's there's
    what's let's going get got gets one because actually things thing lot way even much many something kinda
    gonna wanna say said says go went come came make makes made see want need back now der die das den dem
    des ein eine einen einem einer und oder aber wenn von zu im auf für mit aus bei ist sind war waren sein
    bin ich du er sie es wir ihr mich mir dich dir ihn ihm uns euch mein dein nicht kein keine auch noch
    schon nur doch ja nein hat habe haben hatte wird werden kann können wie wer wo wann warum dass als dann
    da hier man sich el la los las un una unos unas y o pero si de del al en con por para son era fue ser
    estar está yo tú él ella nosotros ellos te se lo le les nos mi tu su que como cuando donde porque sí muy
    más ya también esto eso este esta ese esa hay une et ou mais à au aux dans avec pour par est sont était
    être je il elle nous vous ils elles lui leur mon ton notre votre qui quoi comme quand où ne pas plus
    très ce cet cette ça c'est j'ai os uma umas e mas dos em na nas com é são foi eu você ele ela nós eles
    lhe meu seu quando onde não sim muito já também isso gli uno ma di della dei nel nella per è sono essere
    io lei noi voi loro ti ci vi mio tuo suo che dove perché non sì molto più già anche questo questa"""
)
"""Words too common to say what a text is about, in the six languages of the lists."""
