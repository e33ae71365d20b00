"""Words by which a speaker is not done, by language: they lean on a word that is still to come.

A word that ends sentences as often, such as `in` and `on` in English, is not among them.
"""

from collections.abc import Mapping


def _by_language(words: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    return {language: frozenset(some.split()) for language, some in words.items()}


_OPEN = {
    "English": """
        a an the my your our their its every and or but nor because if unless when while whereas
        although though since until so that than as of to for from with without into onto between
        during toward towards via per by at about against like i'm i'd i'll we'll you'll they'll
        let's there's who's whose which very dot underscore hyphen dash double triple
        um uh er erm hmm mm uhm eh""",
    "Spanish": """
        el la los las un una unos unas al del mi mis tu tus su sus nuestro nuestra cada este esta
        y e o u pero sino porque si aunque cuando mientras como que donde de a ante con contra desde
        en entre hacia hasta para por según sin sobre tras muy más arroba punto guion doble
        eh em este pues o sea""",
    "French": """
        le la les un une des du de d l au aux mon ma mes ton ta tes son sa ses notre nos votre vos
        leur leurs ce cet cette ces chaque et ou mais donc or ni car parce que puis quand lorsque si
        comme dont où qui à avec chez contre dans depuis derrière dès devant en entre envers jusque
        par pendant pour sans selon sous sur vers très plus arobase point tiret double
        euh heu hum ben""",
    "Italian": """
        il lo la i gli le un uno una del dello della dei degli delle al allo alla ai agli alle dal
        dalla dai dalle nel nella nei nelle sul sulla mio mia tuo tua suo sua nostro nostra ogni
        e ed o oppure ma però perché se quando mentre come che dove cui di a ad da in con su per tra
        fra senza verso molto più chiocciola punto trattino doppio ehm eh mh cioè""",
    "German": """
        der die das den dem des ein eine einen einem einer eines mein meine meinen meinem dein deine
        sein seine ihr ihre unser unsere jede jeder jedes und oder aber denn sondern weil dass wenn
        als ob obwohl während bevor nachdem damit sodass wie von vom zu zum zur für mit ohne bei
        beim nach seit gegen durch um zwischen über unter sehr punkt bindestrich unterstrich
        klammeraffe äh ähm öhm hm also""",
    "Russian": """
        и а но или либо что чтобы если когда пока хотя потому так как где который которая которое
        которые в во на с со к ко у о об от до из за под над при про по для без через между
        мой моя моё мои твой твоя ваш ваша ваше ваши наш наша их его её очень собака точка дефис
        подчёркивание э эм ээ ну мм это""",
}
OPEN = _by_language(_OPEN)

_DICTATED = {
    "English": "zero oh one two three four five six seven eight nine double triple",
    "Spanish": """
        cero uno dos tres cuatro cinco seis siete ocho nueve
        be ce de efe ge hache jota ka ele eme ene eñe pe cu erre ese te uve equis griega zeta""",
    "French": "zéro un deux trois quatre cinq six sept huit neuf double grec",
    "Italian": """
        zero uno due tre quattro cinque sei sette otto nove
        bi ci di effe gi acca elle emme enne pi cu erre esse ti vu ics ipsilon zeta""",
    "German": "null eins zwei zwo drei vier fünf sechs sieben acht neun",
    "Russian": """
        ноль нуль один два три четыре пять шесть семь восемь девять
        бэ вэ гэ дэ жэ зэ ка эль эм эн пэ эр эс тэ эф ха цэ че ша ща""",
}
DICTATED = _by_language(_DICTATED)
"""Words that numbers and names are dictated with, one by one."""

_AT = {
    "Spanish": "arroba",
    "French": "arobase",
    "Italian": "chiocciola",
    "German": "klammeraffe",
    "Russian": "собака",
}
AT = _by_language(_AT)
"""The sign of an e-mail address, where its word means little else: English `at` does."""
_DOT = {
    "English": "dot",
    "Spanish": "punto",
    "French": "point",
    "Italian": "punto",
    "German": "punkt",
    "Russian": "точка",
}
DOT = _by_language(_DOT)
"""What comes before the last part of such an address."""
