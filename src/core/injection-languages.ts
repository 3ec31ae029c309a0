/**
 * Taking back what a model was told, in other languages than English: a verb, what it is about, and a word for "earlier" or
 * "all" between or beside them. Data by language. Stems where words are inflected; matched against lower-case text.
 */

interface Language {
  /** Imperatives and infinitives: `ignore`, `forget`, `do not follow`. */
  readonly drop: string;
  /** `previous`, `all`, `above`, `until now`. */
  readonly earlier: string;
  /** `instructions`, `rules`, `orders`, `everything`. */
  readonly orders: string;
  /** `show`, `reveal`, `repeat`. */
  readonly reveal: string;
  /** `your prompt`, `your instructions`, `system message`. */
  readonly prompt: string;
}

export const LANGUAGES: Readonly<Record<string, Language>> = {
  german: {
    drop: "ignorier\\w*|vergiss|vergesst|vergessen sie|missacht\\w*|beachte(?:n sie)? nicht|übergehe\\w*|verwirf",
    earlier:
      "alle[rsn]?|alles|vorherig\\w*|bisherig\\w*|vorangegangen\\w*|obig\\w*|frühere[nrs]?|vorige[nrs]?|was (?:du|sie) (?:bisher|zuvor)|deine|ursprünglich\\w*",
    orders:
      "anweisung\\w*|vorgabe\\w*|instruktion\\w*|regel\\w*|befehl\\w*|anordnung\\w*|richtlinie\\w*|prompts?|gesagt\\w*|davor|zuvor",
    reveal: "zeig\\w*|gib|nenn\\w*|verrate\\w*|wiederhol\\w*|offenbar\\w*|drucke",
    prompt: "system-?prompt\\w*|systemanweisung\\w*|deine[nr]? (?:anweisung\\w*|prompt|regeln|vorgaben)",
  },
  french: {
    drop: "ignor(?:e[zr]?|ons)|oubli(?:e[zr]?)|ne (?:tiens|tenez) (?:pas|aucun) compte|n'appli(?:que|quez) (?:pas|plus)|fais abstraction",
    earlier: "tou(?:te)?s?|tout|précédent\\w*|antérieur\\w*|ci-dessus|d'avant|initiale?s|tes|vos|reçues?",
    orders: "instructions?|consignes?|règles?|directives?|ordres?|ce qui (?:précède|a été dit)|prompts?",
    reveal: "montre\\w*|révèle\\w*|révélez|affiche\\w*|donne\\w*|répète\\w*|répétez",
    prompt:
      "(?:prompt|invite|message) (?:du )?système|(?:tes|vos) (?:instructions|consignes|règles)|ton prompt|votre prompt",
  },
  spanish: {
    drop: "ignor(?:a|e|en|ar|ad)|olvid(?:a|e|en|ar|ad)|no (?:sigas|siga|hagas caso)|descart(?:a|e|ar)|pas(?:a|e) por alto",
    earlier: "tod[oa]s?|anterior(?:es)?|previ[oa]s?|de arriba|hasta ahora|tus|sus|recibidas?|dado",
    orders:
      "instrucci(?:ón|ones)|indicaciones|órdenes|reglas|directrices|normas|lo (?:anterior|que te)|mensajes|prompt",
    reveal: "muestr\\w*|revel\\w*|di(?:me)?|repite\\w*|enseñ\\w*|imprim\\w*",
    prompt:
      "prompt (?:del )?sistema|(?:tu|su) prompt|(?:tus|sus) (?:instrucciones|reglas)|mensaje (?:del|de) sistema",
  },
  portuguese: {
    drop: "ignor(?:e|em|ar|a)|esque[cç](?:a|am|er|e)|desconsider(?:e|em|ar)|não siga",
    earlier: "tod[oa]s?|tudo|anterior(?:es)?|prévi[oa]s?|acima|até agora|suas|seus|recebidas?",
    orders: "instru[cç](?:ão|ões)|orienta[cç]ões|regras|ordens|diretrizes|comandos|o que (?:foi|te)|prompt",
    reveal: "mostr\\w*|revel\\w*|diga|repita|exib\\w*",
    prompt: "prompt (?:do )?sistema|(?:seu|teu) prompt|(?:suas|tuas) (?:instruções|regras)",
  },
  italian: {
    drop: "ignora(?:te|re)?|dimentica(?:te|re)?|trascura(?:te)?|non seguire|non tenere conto",
    earlier: "tutt[eio]|tutto|precedent[ei]|sopra|finora|tue|vostre|ricevut[ei]",
    orders: "istruzion[ei]|indicazion[ei]|regole|ordini|direttive|quanto detto|prompt",
    reveal: "mostra\\w*|rivela\\w*|dimmi|ripeti|stampa",
    prompt: "prompt (?:di )?sistema|(?:tuo|vostro) prompt|(?:tue|vostre) (?:istruzioni|regole)",
  },
  dutch: {
    drop: "negeer|vergeet|sla over|volg niet",
    earlier: "alle|alles|vorige|eerdere|voorgaande|bovenstaande|tot nu toe|je",
    orders: "instructies?|aanwijzingen|opdrachten|regels|richtlijnen|prompt",
    reveal: "toon|laat|geef|onthul|herhaal",
    prompt: "systeemprompt|systeembericht|je (?:instructies|prompt|regels)",
  },
  polish: {
    drop: "zignoruj\\w*|ignoruj\\w*|zapomnij\\w*|pomiń|nie stosuj",
    earlier: "wszystki\\w*|poprzedni\\w*|wcześniejsz\\w*|powyższ\\w*|dotychczasow\\w*|swoje|twoje",
    orders: "instrukcj\\w*|polece\\w*|zasad\\w*|reguł\\w*|wytyczn\\w*|o czym",
    reveal: "pokaż|ujawnij|wypisz|powtórz|podaj",
    prompt: "prompt\\w* systemow\\w*|swoj\\w* (?:instrukcj\\w*|prompt\\w*)|systemow\\w* prompt\\w*",
  },
  swedish: {
    drop: "ignorera|glöm|bortse från|strunta i|följ inte",
    earlier: "alla|allt|tidigare|föregående|ovanstående|dina",
    orders: "instruktioner\\w*|anvisningar\\w*|regler\\w*|order|direktiv",
    reveal: "visa|avslöja|upprepa|skriv ut",
    prompt: "systemprompt\\w*|dina (?:instruktioner|regler)",
  },
  czech: {
    drop: "ignoruj\\w*|ignořte|zapomeň\\w*|nedbej\\w*|přehlédni",
    earlier: "všechn\\w*|předchozí\\w*|dosavadní\\w*|výše|své",
    orders: "pokyn\\w*|instrukc\\w*|pravidl\\w*|příkaz\\w*",
    reveal: "ukaž|prozraď|zopakuj|vypiš",
    prompt: "systémov\\w* (?:prompt|zprávu|pokyn\\w*)|své (?:pokyny|instrukce)",
  },
  romanian: {
    drop: "ignor[aăeiți]+|uit[aăți]+",
    earlier: "toate|tot|anterioare?|precedente?|de mai sus",
    orders: "instrucțiun\\w*|instructiun\\w*|indicați\\w*|reguli\\w*",
    reveal: "arat[aă]|dezvălui\\w*|spune",
    prompt: "promptul\\w*(?: de sistem)?|instrucțiunile tale",
  },
  greek: {
    drop: "αγνόησ\\p{L}*|αγνοήσ\\p{L}*|ξέχασ\\p{L}*|ξεχάσ\\p{L}*|μην ακολουθ\\p{L}*",
    earlier: "όλ\\p{L}*|προηγούμεν\\p{L}*|παραπάνω|αρχικ\\p{L}*",
    orders: "οδηγί\\p{L}*|εντολ\\p{L}*|κανόν\\p{L}*|κατευθύνσ\\p{L}*",
    reveal: "δείξ\\p{L}*|αποκάλυψ\\p{L}*|εμφάνισ\\p{L}*",
    prompt: "προτροπή συστήματος|μήνυμα συστήματος|τις οδηγίες σου",
  },
  turkish: {
    drop: "yok ?say\\w*|görmezden gel\\w*|unut\\w*|dikkate alma\\w*|göz ardı et\\w*",
    earlier: "önceki|tüm|bütün|yukarıdaki|şimdiye kadar\\w*",
    orders: "talimat\\w*|yönerge\\w*|kural\\w*|komut\\w*|emir\\w*",
    reveal: "göster\\w*|açıkla\\w*|yazdır\\w*|tekrarla\\w*",
    prompt: "sistem (?:prompt\\w*|istem\\w*|mesaj\\w*)|talimatlarını",
  },
  russian: {
    drop: "(?:про)?игнорир[а-яё]*|забуд[а-яё]*|не обращай[а-яё]* внимания|отбрось[а-яё]*|не следуй[а-яё]*",
    earlier: "вс[её]|всех|предыдущ[а-яё]*|прежн[а-яё]*|прошл[а-яё]*|вышеуказанн[а-яё]*|ранее|свои",
    orders:
      "инструкци[а-яё]*|указани[а-яё]*|правил[а-яё]*|команд[а-яё]*|приказ[а-яё]*|директив[а-яё]*|что (?:тебе|вам)",
    reveal: "покаж[а-яё]*|раскро[а-яё]*|выведи[а-яё]*|повтори[а-яё]*|напечата[а-яё]*",
    prompt:
      "системн[а-яё]* (?:промпт[а-яё]*|подсказк[а-яё]*|сообщени[а-яё]*|инструкци[а-яё]*)|сво[а-яё]* (?:промпт[а-яё]*|инструкци[а-яё]*)",
  },
  ukrainian: {
    drop: "(?:про)?ігнору[а-яіїєґ]*|забуд[а-яіїєґ]*|не зважай[а-яіїєґ]*",
    earlier: "вс[іе]|всіх|попередн[а-яіїєґ]*|наведен[а-яіїєґ]*|раніше",
    orders: "інструкці[а-яіїєґ]*|вказівк[а-яіїєґ]*|правил[а-яіїєґ]*|команд[а-яіїєґ]*",
    reveal: "покаж[а-яіїєґ]*|розкри[а-яіїєґ]*|виведи[а-яіїєґ]*",
    prompt: "системн[а-яіїєґ]* (?:промпт[а-яіїєґ]*|підказк[а-яіїєґ]*|повідомлен[а-яіїєґ]*)",
  },
  chinese: {
    drop: "忽略|忽视|忽視|无视|無視|忘记|忘記|忘掉|不要理会|不要遵循|抛开|拋開|别管",
    earlier: "之前|以前|上面|以上|前面|先前|所有|全部|一切|原来|原有",
    orders: "指令|指示|说明|說明|规则|規則|命令|提示|设定|設定|要求",
    reveal: "显示|顯示|告诉|告訴|输出|輸出|透露|泄露|打印|重复|重複",
    prompt: "系统提示|系統提示|系统指令|系統指令|你的(?:提示词|提示詞|指令|初始)|提示词",
  },
  japanese: {
    drop: "無視|忘れ|従わない|従うな|破棄|取り消",
    earlier: "以前|これまで|今まで|上記|前の|先ほど|すべて|全て|全部|元の",
    orders: "指示|命令|ルール|規則|指令|説明|プロンプト|ガイドライン",
    reveal: "表示|教えて|見せて|出力|公開|明か",
    prompt: "システムプロンプト|システムメッセージ|あなたの(?:指示|プロンプト|設定)",
  },
  korean: {
    drop: "무시|잊어|잊고|따르지 마|따르지 말",
    earlier: "이전|앞의|위의|지금까지|모든|기존",
    orders: "지시|명령|규칙|지침|프롬프트|설명",
    reveal: "보여|알려|출력|공개|말해",
    prompt: "시스템 ?(?:프롬프트|메시지|지시)|(?:너의|당신의) (?:지시|프롬프트)",
  },
  vietnamese: {
    drop: "bỏ qua|quên|phớt lờ|đừng làm theo",
    earlier: "tất cả|mọi|trước(?: đó)?|ở trên|từ trước",
    orders: "hướng dẫn|chỉ dẫn|chỉ thị|lệnh|quy tắc|yêu cầu",
    reveal: "hiển thị|tiết lộ|cho (?:tôi )?(?:biết|xem)|in ra",
    prompt: "prompt hệ thống|lời nhắc hệ thống|(?:chỉ dẫn|hướng dẫn) của bạn",
  },
  indonesian: {
    drop: "abaikan|lupakan|jangan ikuti|hiraukan",
    earlier: "semua|seluruh|sebelumnya|di atas|terdahulu",
    orders: "instruksi|perintah|aturan|petunjuk|arahan",
    reveal: "tampilkan|ungkapkan|tunjukkan|beri ?tahu|cetak",
    prompt: "prompt sistem|(?:instruksi|prompt) (?:anda|kamu|sistem)",
  },
  arabic: {
    drop: "تجاهل[يوا]*|انس[َى]?|إنس|تناس|لا تتبع|تخط",
    earlier: "جميع|كل|السابقة|السابقه|أعلاه|الماضية",
    orders: "التعليمات|الأوامر|القواعد|الإرشادات|التوجيهات|تعليمات",
    reveal: "اعرض|أظهر|اكشف|اطبع|أخبرني",
    prompt: "موجه النظام|رسالة النظام|تعليماتك|تعليمات النظام",
  },
  hebrew: {
    drop: "התעלם|התעלמי|התעלמו|שכח|שכחי",
    earlier: "כל|הקודמות|הקודמים|שלעיל|לעיל",
    orders: "ההוראות|הוראות|ההנחיות|הנחיות|הכללים|הפקודות",
    reveal: "הצג|חשוף|הדפס|ספר",
    prompt: "הנחיית המערכת|הודעת המערכת|ההוראות שלך",
  },
  hindi: {
    drop: "अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल ?जा|उपेक्षा|ध्यान न",
    earlier: "पिछले|पिछली|पहले|सभी|सारे|ऊपर|पूर्व",
    orders: "निर्देश|आदेश|नियम|हिदायत|अनुदेश",
    reveal: "दिखा|बता|प्रकट|प्रदर्शित",
    prompt: "सिस्टम प्रॉम्प्ट|सिस्टम संदेश|अपने निर्देश",
  },
};
